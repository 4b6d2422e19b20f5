// Command demo-web is the workload whose availability the tests watch: a server that leaves gracefully, and a
// client that counts what went wrong.
package main

import (
	"flag"
	"log"
	"time"
)

func main() {
	listen := flag.String("listen", ":8080", "server: address")
	linger := flag.Duration("linger", 5*time.Second, "server: keep serving after SIGTERM while endpoints are withdrawn")
	client := flag.Bool("client", false, "request -url over and over instead of serving")
	url := flag.String("url", "", "client: what to request")
	every := flag.Duration("every", 200*time.Millisecond, "client: time between requests")
	timeout := flag.Duration("timeout", 2*time.Second, "client: time limit of one attempt")
	retry := flag.Bool("retry", false, "client: try once more before a request counts as failed")
	report := flag.Duration("report", 5*time.Second, "client: time between totals")
	keep := flag.Bool("keep-alive", false, "client: reuse connections (off: every request is balanced anew)")
	flag.Parse()
	var err error
	if *client {
		err = watch(clientOptions{url: *url, every: *every, timeout: *timeout, retry: *retry, report: *report, keepAlive: *keep})
	} else {
		err = serve(*listen, *linger)
	}
	if err != nil {
		log.Fatal(err)
	}
}
