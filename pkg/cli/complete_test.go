package cli

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/record"
)

// complete asks as kubectl does. It returns the words without their descriptions, and the directive.
func complete(t *testing.T, words ...string) ([]string, string) {
	t.Helper()
	out, stderr, err := run(t, Args(append([]string{"/somewhere/" + completer}, words...))...)
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	directive := lines[len(lines)-1]
	if !strings.HasPrefix(directive, ":") {
		t.Fatalf("the last line is no directive:\n%s", out)
	}
	var found []string
	for _, l := range lines[:len(lines)-1] {
		word, _, _ := strings.Cut(l, "\t")
		found = append(found, word)
	}
	return found, directive
}

// kubeconfig has two contexts, one of them for server.
func kubeconfig(t *testing.T, server, user string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	text := `{"apiVersion":"v1","kind":"Config","current-context":"here",
		"clusters":[{"name":"near","cluster":{"server":"` + server + `"}}],
		"users":[{"name":"me","user":` + user + `}],
		"contexts":[{"name":"here","context":{"cluster":"near","user":"me"}},{"name":"elsewhere","context":{"cluster":"near","user":"me"}}]}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return "--kubeconfig=" + path
}

func TestArgs(t *testing.T) {
	for name, want := range map[string][]string{
		"/home/me/.krew/bin/kubectl-upgrade":          {"plan", ""},
		"kubectl_complete-upgrade":                    {cobra.ShellCompRequestCmd, "plan", ""},
		"/usr/local/bin/kubectl_complete-upgrade":     {cobra.ShellCompRequestCmd, "plan", ""},
		"/usr/local/bin/KUBECTL_COMPLETE-UPGRADE.EXE": {cobra.ShellCompRequestCmd, "plan", ""},
	} {
		if got := Args([]string{name, "plan", ""}); !slices.Equal(got, want) {
			t.Errorf("Args(%s) = %q, want %q", name, got, want)
		}
	}
	if got := Args(nil); got != nil {
		t.Errorf("Args(nil) = %q", got)
	}
}

func TestCompleteWithoutCluster(t *testing.T) {
	config := kubeconfig(t, "https://127.0.0.1:1", "{}")
	none := ":" + "4" // cobra.ShellCompDirectiveNoFileComp: no files either
	for name, tt := range map[string]struct {
		words     []string
		want      []string
		directive string
	}{
		"commands":           {[]string{"p"}, []string{"plan"}, none},
		"flags":              {[]string{"cluster", "--dr"}, []string{"--drain-timeout", "--dry-run"}, none},
		"global flags":       {[]string{"plan", "--cont"}, []string{"--context"}, none},
		"no files":           {[]string{"plan", ""}, nil, none},
		"contexts":           {[]string{"plan", config, "--context", ""}, []string{"elsewhere", "here"}, none},
		"clusters":           {[]string{"plan", config, "--cluster="}, []string{"near"}, none},
		"users":              {[]string{"plan", config, "--user", ""}, []string{"me"}, none},
		"formats":            {[]string{"status", "-o", ""}, []string{"json"}, none},
		"places to pause":    {[]string{"cluster", "--pause-after", ""}, []string{"control-plane", "first-worker", "every-node"}, none},
		"who sees to etcd":   {[]string{"cluster", "--etcd", ""}, []string{"kubeadm", "keep"}, none},
		"commands of etcd":   {[]string{"etcd", "down"}, []string{"downgrade"}, none},
		"folders":            {[]string{"etcd", "snapshot", "--download", ""}, nil, ":16"}, // FilterDirs
		"saved plans":        {[]string{"cluster", "--plan", ""}, []string{"json"}, ":8"},  // FilterFileExt
		"kubeconfig files":   {[]string{"plan", "--kubeconfig", ""}, nil, ":0"},
		"any text":           {[]string{"plan", "--agent-image", ""}, nil, none},
		"nothing listens":    {[]string{"abort", config, "--rollback-node", ""}, nil, ":6"}, // and no space
		"nothing offered":    {[]string{"cluster", config, "--to", ""}, nil, ":36"},         // and in this order
		"context is unknown": {[]string{"abort", config, "--context=gone", "--rollback-node", ""}, nil, ":6"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("XDG_STATE_HOME", t.TempDir())
			got, directive := complete(t, tt.words...)
			if !slices.Equal(got, tt.want) || directive != tt.directive {
				t.Errorf("%q completes to %q %s, want %q %s", tt.words, got, directive, tt.want, tt.directive)
			}
		})
	}
}

func TestCompleteVersions(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	const server = "https://127.0.0.1:1"
	config := kubeconfig(t, server, "{}")
	if err := record.KeepOffered(server, map[string][]string{"1.33": {"1.33.9-1.1"}, "1.34": {"1.34.10-1.1", "1.34.9-1.1"}}); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"plan", "cluster"} {
		got, directive := complete(t, command, config, "--to", "")
		if want := []string{"v1.34.10", "v1.34.9", "v1.33.9"}; !slices.Equal(got, want) || directive != ":36" {
			t.Errorf("%s --to completes to %q %s, want %q", command, got, directive, want)
		}
	}
	got, directive := complete(t, "plan", config, "--via", "v1.33.9,v1")
	if want := []string{"v1.33.9,v1.34.10", "v1.33.9,v1.34.9"}; !slices.Equal(got, want) || directive != ":38" {
		t.Errorf("--via completes to %q %s, want %q", got, directive, want)
	}
}

// The releases of etcd are not those of Kubernetes.
func TestCompleteEtcd(t *testing.T) {
	for _, words := range [][]string{{"etcd"}, {"etcd", "plan"}, {"etcd", "downgrade"}} {
		got, directive := complete(t, append(words, "--to", "")...)
		if i, j := slices.Index(got, "3.6"), slices.Index(got, "3.5"); i < 0 || j != i+1 || directive != ":36" {
			t.Errorf("%q --to completes to %q %s, want 3.6, 3.5 and so on", words, got, directive)
		}
	}
}

func TestCompleteNodes(t *testing.T) {
	list := corev1.NodeList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "NodeList"}}
	for _, name := range []string{"cp-1", "w-1", "w-2"} {
		list.Items = append(list.Items, corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/nodes" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(list); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	config := kubeconfig(t, server.URL, "{}")
	if got, _ := complete(t, "abort", config, "--rollback-node", ""); !slices.Equal(got, []string{"cp-1", "w-1", "w-2"}) {
		t.Errorf("nodes complete to %q", got)
	}
	if got, _ := complete(t, "abort", config, "--rollback-node", "w-1,"); !slices.Equal(got, []string{"w-1,cp-1", "w-1,w-2"}) {
		t.Errorf("a second node completes to %q", got)
	}
}

// A cluster that takes the connection and says nothing, and a credential plugin that does not end, must not make a shell stand still.
func TestCompleteNeverHangs(t *testing.T) {
	var config net.ListenConfig
	silent, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, interactive := range map[string]string{"server": "", "credential plugin": "IfAvailable", "credential plugin that asks": "Always"} {
		t.Run(name, func(t *testing.T) {
			user, pid := "{}", filepath.Join(t.TempDir(), "pid")
			if interactive != "" {
				user = `{"exec":{"apiVersion":"client.authentication.k8s.io/v1","command":"sh","args":["-c","echo $$ >` + pid +
					`; exec sleep 60"],"interactiveMode":"` + interactive + `"}}`
			}
			began := time.Now()
			got, _ := complete(t, "abort", kubeconfig(t, "https://"+silent.Addr().String(), user), "--rollback-node", "")
			if took := time.Since(began); len(got) != 0 || took > completionTime+10*time.Second {
				t.Errorf("completed to %q in %s, want nothing within about %s", got, took, completionTime)
			}
			text, err := os.ReadFile(pid)
			if started := err == nil; started != (interactive == "IfAvailable") {
				t.Errorf("the credential plugin was started: %t", started)
			} else if started {
				killProcess(t, strings.TrimSpace(string(text)))
			}
		})
	}
}

func killProcess(t *testing.T, text string) {
	t.Helper()
	id, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	p, err := os.FindProcess(id)
	if err == nil {
		err = p.Kill()
	}
	if err != nil {
		t.Error(err)
	}
}
