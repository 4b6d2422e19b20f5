// Command infra is the lab's internet: package repositories over HTTP, a name server, and beside them the image
// registry as a child process. When one of them ends, the container ends.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
)

func main() {
	packages := flag.String("packages", "/srv/pkgs", "folder of the package repositories")
	listen := flag.String("listen", ":80", "address of the package repositories")
	registry := flag.String("registry", "/registry", "registry program")
	config := flag.String("registry-config", "/etc/registry.yml", "its configuration")
	flag.Parse()
	if err := serve(*packages, *listen, *registry, *config); err != nil {
		log.Fatal(err)
	}
}

func serve(packages, listen, registry, config string) error {
	child := exec.Command(registry, "serve", config)
	child.Stdout, child.Stderr = os.Stdout, os.Stderr
	if err := child.Start(); err != nil {
		return fmt.Errorf("start registry: %w", err)
	}
	ended := make(chan error, 3)
	go func() { ended <- fmt.Errorf("registry ended: %v", child.Wait()) }()
	go func() { ended <- fmt.Errorf("serve packages: %w", http.ListenAndServe(listen, logged(packages))) }()
	go func() { ended <- serveDNS(":53") }()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	select {
	case err := <-ended:
		return err
	case <-stop:
		return child.Process.Signal(syscall.SIGTERM)
	}
}

// logged leaves a line per request, so that a test can see what a node fetched.
func logged(folder string) http.Handler {
	files := http.FileServer(http.Dir(folder))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		log.Printf("%s %s %s", r.RemoteAddr, r.Method, r.URL.Path)
		files.ServeHTTP(w, r)
	})
}
