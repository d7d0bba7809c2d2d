package secure

import (
	"net"
	"time"
)

// ListenFor is Keys.Listen with another time for a handshake.
func ListenFor(k *Keys, l net.Listener, within time.Duration) *Listener { return k.listen(l, within) }

// Most is how many handshakes may be under way.
const Most = mostHandshakes
