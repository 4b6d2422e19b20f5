package kube

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func TestReadyOfServersWithAndWithoutReadyz(t *testing.T) {
	for _, c := range []struct {
		path  string
		other int
	}{{"/readyz", http.StatusNotFound}, {"/healthz", http.StatusNotFound}, {"/healthz", http.StatusForbidden}} {
		path := c.path
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != path {
				w.WriteHeader(c.other)
				return
			}
			if _, err := w.Write([]byte("ok")); err != nil {
				t.Error(err)
			}
		}))
		c, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL})
		if err != nil {
			t.Fatal(err)
		}
		if body, err := Ready(t.Context(), c.Discovery().RESTClient()); err != nil || string(body) != "ok" {
			t.Errorf("%s: %q, %v", path, body, err)
		}
		server.Close()
	}
}
