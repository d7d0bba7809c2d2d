package model

import "strings"

// didYouMean ends a sentence about an unknown name with the known one that is closest to it, if
// any is close enough to be a slip of the pen.
func didYouMean(name string, known []string) string {
	if best := nearest(name, known); best != "" {
		return "; did you mean " + best + "?"
	}
	return ""
}

// nearest gives the known name that takes the fewest edits to reach, "" if none is close. A name
// that lacks its first or last word, such as tenant for tenant_id, is close too, and so is one that
// was written out, such as minimum for min.
func nearest(name string, known []string) string {
	if len(name) < 2 || len(name) > 64 {
		return ""
	}
	best, least := "", 2+(len(name)-1)/4
	for _, k := range known {
		d := edits(name, k, least)
		if strings.HasPrefix(k, name+"_") || strings.HasSuffix(k, "_"+name) || len(k) > 2 && strings.HasPrefix(name, k) {
			d = min(d, 1)
		}
		if d < least && k != name {
			best, least = k, d
		}
	}
	return best
}

// edits counts the bytes to insert, delete, replace or swap to make a from b (Damerau's distance
// without overlaps); anything above most may come out as most+1.
func edits(a, b string, most int) int {
	if len(a)-len(b) > most || len(b)-len(a) > most {
		return most + 1
	}
	before, last, now := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		now[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			now[j+1] = min(last[j]+cost, last[j+1]+1, now[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				now[j+1] = min(now[j+1], before[j-1]+1)
			}
		}
		before, last, now = last, now, before
	}
	return last[len(b)]
}
