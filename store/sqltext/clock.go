package sqltext

import "github.com/partita-dev/partita/fault"

// The bounds of what has a text form: the years 0000 to 9999.
const (
	minMicro = -62167219200_000000
	maxMicro = 253402300799_999999
	minDay   = -719528
	maxDay   = 2932896
	dayMicro = 86400_000000
)

// TimeSize is the length of a time's text.
const TimeSize = len("2026-01-31T08:05:00.000000Z")

// AppendTime appends the text under which SQLite stores a point in time, given in microseconds
// since the Unix epoch. Texts sort as the times do. Outside the years 0000 to 9999 there is none:
// the error has code OutOfBounds.
func AppendTime(dst []byte, micro int64) ([]byte, error) {
	if micro < minMicro || micro > maxMicro {
		return dst, fault.New(fault.OutOfBounds, "A time lies outside the years 0000 to 9999. Give one within them.")
	}
	day := micro / dayMicro
	rest := micro % dayMicro
	if rest < 0 {
		day, rest = day-1, rest+dayMicro
	}
	dst = appendDay(dst, day)
	second := rest / 1_000_000
	dst = append(dst, 'T')
	dst = appendDigits(dst, second/3600, 2)
	dst = append(dst, ':')
	dst = appendDigits(dst, second/60%60, 2)
	dst = append(dst, ':')
	dst = appendDigits(dst, second%60, 2)
	dst = append(dst, '.')
	dst = appendDigits(dst, rest%1_000_000, 6)
	return append(dst, 'Z'), nil
}

// AppendDate appends the text under which SQLite stores a day, given in days since the Unix epoch.
func AppendDate(dst []byte, day int64) ([]byte, error) {
	if day < minDay || day > maxDay {
		return dst, fault.New(fault.OutOfBounds, "A date lies outside the years 0000 to 9999. Give one within them.")
	}
	return appendDay(dst, day), nil
}

// ParseTime reads what AppendTime wrote.
func ParseTime(s []byte) (micro int64, ok bool) {
	if len(s) != TimeSize || s[10] != 'T' || s[13] != ':' || s[16] != ':' || s[19] != '.' || s[26] != 'Z' {
		return 0, false
	}
	day, ok := ParseDate(s[:10])
	hour, ok1 := digits(s[11:13])
	minute, ok2 := digits(s[14:16])
	second, ok3 := digits(s[17:19])
	fraction, ok4 := digits(s[20:26])
	if !ok || !ok1 || !ok2 || !ok3 || !ok4 || hour > 23 || minute > 59 || second > 59 {
		return 0, false
	}
	return day*dayMicro + ((hour*60+minute)*60+second)*1_000_000 + fraction, true
}

// ParseDate reads what AppendDate wrote.
func ParseDate(s []byte) (day int64, ok bool) {
	if len(s) != 10 || s[4] != '-' || s[7] != '-' {
		return 0, false
	}
	y, ok1 := digits(s[:4])
	m, ok2 := digits(s[5:7])
	d, ok3 := digits(s[8:10])
	if !ok1 || !ok2 || !ok3 || m < 1 || m > 12 || d < 1 || d > 31 {
		return 0, false
	}
	return daysOf(y, m, d), true
}

func appendDay(dst []byte, day int64) []byte {
	y, m, d := civil(day)
	dst = appendDigits(dst, y, 4)
	dst = append(dst, '-')
	dst = appendDigits(dst, m, 2)
	dst = append(dst, '-')
	return appendDigits(dst, d, 2)
}

func appendDigits(dst []byte, n int64, width int) []byte {
	at := len(dst)
	dst = append(dst, "000000"[:width]...)
	for i := at + width - 1; i >= at; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
	return dst
}

func digits(s []byte) (n int64, ok bool) {
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// civil turns days since the Unix epoch into a date of the Gregorian calendar. Years are counted
// from March, so that the leap day is a year's last.
func civil(day int64) (y, m, d int64) {
	z := day + 719468
	era := z / 146097
	if z < 0 {
		era = (z - 146096) / 146097
	}
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = doy - (153*mp+2)/5 + 1
	m = mp + 3
	if m > 12 {
		m -= 12
	}
	y = yoe + era*400
	if m <= 2 {
		y++
	}
	return y, m, d
}

// daysOf is the inverse of civil.
func daysOf(y, m, d int64) int64 {
	if m <= 2 {
		y--
	}
	era := y / 400
	if y < 0 {
		era = (y - 399) / 400
	}
	yoe := y - era*400
	mp := m - 3
	if mp < 0 {
		mp += 12
	}
	doy := (153*mp+2)/5 + d - 1
	doe := yoe*365 + yoe/4 - yoe/100 + doy
	return era*146097 + doe - 719468
}
