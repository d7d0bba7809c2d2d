package webhook

import (
	"context"
	"fmt"
	"net/netip"
	"syscall"
)

// guard decides which addresses may be called. It is asked for each connection, after names were
// resolved, so that a name which resolves to something else the second time gets nowhere.
type guard struct{ allow []netip.Prefix }

// forbidden is the refusal to call an address.
type forbidden struct{ address netip.Addr }

func (f *forbidden) Error() string {
	return fmt.Sprintf("%s is no public address, so it is not called: if it is meant, allow it with --webhook-allow %s (PARTITA_WEBHOOK_ALLOW)",
		f.address, netip.PrefixFrom(f.address, f.address.BitLen()))
}

func (g guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip := ap.Addr().Unmap().WithZone("")
	if g.allows(ip) {
		return nil
	}
	return &forbidden{ip}
}

func (g guard) allows(ip netip.Addr) bool {
	for _, p := range g.allow {
		if p.Contains(ip) {
			return true
		}
	}
	return public(ip)
}

// reserved are the networks that are not the public internet, or that lead to others.
var reserved = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
	"203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", // of what is routed; see public for the rest of IPv6
)

var routed = netip.MustParsePrefix("2000::/3") // all that is given out of IPv6 to the public

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, s := range texts {
		list[i] = netip.MustParsePrefix(s)
	}
	return list
}

// public tells whether an address, unmapped, is one of the public internet.
func public(ip netip.Addr) bool {
	if ip.Is6() && !routed.Contains(ip) {
		return false // loopback, link-local, unique local, multicast, translated and mapped ones
	}
	for _, p := range reserved {
		if p.Contains(ip) {
			return false
		}
	}
	return ip.IsValid()
}
