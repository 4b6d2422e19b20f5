package etcd

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// Where the member that begins hands its data over, below its peer URL. Etcd answers 404 there.
const (
	handoverPath = "/kubectl-upgrade/snapshot"
	sumHeader    = "X-Sha256"
	secretHeader = "X-Secret"
)

// handover is a file that the other hosts fetch.
type handover struct {
	path, sum, secret string
	mu                sync.Mutex
	// waits are the members that have not said yet that they have it whole.
	waits []string
	all   chan struct{}
}

// handOver serves the file until every other member has it.
func (h Host) handOver(ctx context.Context, a hostaction.EtcdRebuild, s hostaction.Snapshot) error {
	c := a.Convert
	o := &handover{path: s.Path, sum: s.SHA256, secret: c.Secret, all: make(chan struct{})}
	for _, m := range c.Members {
		if m != c.First {
			o.waits = append(o.waits, m)
		}
	}
	if len(o.waits) == 0 {
		return nil
	}
	conf, err := peerTLS(c.From, c.Peer)
	if err != nil {
		return err
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("hand the data over at %s: %w", c.Listen, err)
	}
	if conf != nil {
		l = tls.NewListener(l, conf)
	}
	server := &http.Server{Handler: o, ReadHeaderTimeout: ask.Patience, ErrorLog: log.New(h.Log, "", 0)}
	broke := make(chan error, 1)
	var serving sync.WaitGroup
	serving.Go(func() { broke <- server.Serve(l) })
	defer serving.Wait()
	defer func() { // the last one that fetched is to hear that it was heard
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), ask.Patience)
		defer cancel()
		if server.Shutdown(end) != nil {
			_ = server.Close()
		}
	}()
	h.say("handing the data over to %s at %s", strings.Join(o.waits, ", "), c.From)
	// Long before those that have them give up to wait.
	patience := a.Patience / 3
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case <-o.all:
		return nil
	case err := <-broke:
		return fmt.Errorf("hand the data over at %s: %w", c.Listen, err)
	case <-ctx.Done():
		o.mu.Lock()
		defer o.mu.Unlock()
		return fmt.Errorf("hand the data over: %s have not fetched them in %s", strings.Join(o.waits, ", "), patience)
	}
}

// peerTLS is how a member listens at an https peer URL; nil for plain HTTP. Who asks has to show what a peer does.
func peerTLS(url string, peer hostaction.EtcdAccess) (*tls.Config, error) {
	if !strings.HasPrefix(url, "https://") {
		return nil, nil //nolint:nilnil // plain HTTP has none
	}
	cert, err := tls.LoadX509KeyPair(peer.CertFile, peer.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("read etcd's peer certificate: %w", err)
	}
	ca, err := os.ReadFile(peer.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read etcd's peer CA: %w", err)
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool()}
	if !conf.ClientCAs.AppendCertsFromPEM(ca) {
		return nil, fmt.Errorf("read etcd's peer CA: no certificate in %s", peer.CAFile)
	}
	return conf, nil
}

// ServeHTTP gives the file, and takes note of who has it.
func (o *handover) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != handoverPath || subtle.ConstantTimeCompare([]byte(r.Header.Get(secretHeader)), []byte(o.secret)) != 1 {
		http.NotFound(w, r)
		return
	}
	if r.Method == http.MethodPut {
		if r.Header.Get(sumHeader) != o.sum {
			http.Error(w, "other data", http.StatusConflict)
			return
		}
		o.has(r.URL.Query().Get("member"))
		return
	}
	w.Header().Set(sumHeader, o.sum)
	http.ServeFile(w, r, o.path)
}

func (o *handover) has(member string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := len(o.waits)
	o.waits = slices.DeleteFunc(o.waits, func(m string) bool { return m == member })
	if n > 0 && len(o.waits) == 0 {
		close(o.all)
	}
}

// fetch waits until the first host hands the data over, and gives the sum of what came.
func (r *rebuild) fetch(ctx context.Context) (sum string, err error) {
	c, to := r.a.Convert, r.a.Restore.Snapshot
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return "", fmt.Errorf("fetch data: %w", err)
	}
	err = r.wait(ctx, r.a.Patience, "wait for "+c.First+" to hand the data over", func(ctx context.Context) error {
		sum, err = r.take(ctx, to)
		return err
	})
	if err == nil {
		r.h.say("fetched the data from %s: sha256 %s", c.From, sum)
	}
	return sum, err
}

// take fetches the file once, and says so when it is whole and on disk.
func (r *rebuild) take(ctx context.Context, to string) (sum string, err error) {
	head := http.Header{secretHeader: {r.a.Convert.Secret}}
	out, err := os.OpenFile(to+part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return "", fmt.Errorf("fetch data: %w", err)
	}
	got, sum, err := r.peers.Download(ctx, r.a.Convert.From+handoverPath, head, out)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return "", err
	}
	if want := got.Get(sumHeader); sum != want {
		return "", fmt.Errorf("fetch data from %s: their sha256 is %s, and has to be %s", r.a.Convert.From, sum, want)
	}
	if err := errors.Join(os.Rename(to+part, to), file.SyncDir(filepath.Dir(to))); err != nil {
		return "", fmt.Errorf("fetch data: %w", err)
	}
	head.Set(sumHeader, sum)
	return sum, r.peers.Put(ctx, r.a.Convert.From+handoverPath+"?member="+r.a.Restore.Name, head)
}
