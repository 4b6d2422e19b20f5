package knowledge

import (
	"slices"
	"strings"
)

// addresses makes --addr and its like, which 3.0 does not know, into URLs as 2.3 does: https where a certificate is set; an address to be told to others is
// one to listen at too, on all interfaces, unless there is one (https://github.com/etcd-io/etcd/blob/v2.3.8/pkg/flags/urls.go).
func (r *rewriter) addresses() {
	for _, side := range []struct{ addr, bind, advertise, listen, cert, key string }{
		{"addr", "bind-addr", "advertise-client-urls", "listen-client-urls", "cert-file", "key-file"},
		{"peer-addr", "peer-bind-addr", "initial-advertise-peer-urls", "listen-peer-urls", "peer-cert-file", "peer-key-file"},
	} {
		scheme := "http"
		if r.set(side.cert) || r.set(side.key) {
			scheme = "https"
		}
		if a, ok := Lookup(r.args, side.addr); ok && !r.set(side.bind) && !r.set(side.listen) {
			_, port, _ := cutPort(a.Value)
			listen := a.named(side.listen).valued(scheme + "://[::]:" + port)
			i := slices.IndexFunc(r.args, func(o Arg) bool { return o.Name == side.addr })
			r.args = slices.Insert(r.args, i+1, listen)
			r.changed("", listen.String(), "--"+side.addr+" is gone; it told where to listen as well", flags23)
		}
		for _, pair := range [][2]string{{side.addr, side.advertise}, {side.bind, side.listen}} {
			for i := 0; i < len(r.args); i++ {
				a := r.args[i]
				if a.Name != pair[0] {
					continue
				}
				if r.set(pair[1]) {
					r.remove(i, "--"+pair[0]+" is gone, and --"+pair[1]+" was heeded instead", flags23)
					i--
					continue
				}
				r.args[i] = a.named(pair[1]).valued(scheme + "://" + a.Value)
				r.changed(a.String(), r.args[i].String(), "--"+pair[0]+" is gone", flags23)
			}
		}
	}
}

func (r *rewriter) set(name string) bool {
	a, ok := Lookup(r.args, name)
	return ok && a.Value != ""
}

// cutPort parts host and port.
func cutPort(address string) (host, port string, ok bool) {
	i := strings.LastIndexByte(address, ':')
	if i < 0 {
		return address, "", false
	}
	return address[:i], address[i+1:], true
}
