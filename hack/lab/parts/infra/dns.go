package main

import (
	"fmt"
	"net"
	"os"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// served are the names that lead to this container.
var served = map[string]bool{"pkgs.k8s.io.": true, "apt.kubernetes.io.": true, "k8s.gcr.io.": true, "registry.k8s.io.": true, "registry.lab.": true}

// serveDNS is the upstream of the cluster's own DNS: it knows the lab's names and denies all others at once, where an
// unreachable server would make every lookup of a pod wait for its timeout.
func serveDNS(listen string) error {
	own, err := ownAddress()
	if err != nil {
		return err
	}
	conn, err := net.ListenPacket("udp", listen)
	if err != nil {
		return fmt.Errorf("serve names: %w", err)
	}
	buf := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return fmt.Errorf("serve names: %w", err)
		}
		if out, err := answer(buf[:n], own); err == nil {
			_, _ = conn.WriteTo(out, from)
		}
	}
}

func ownAddress() ([4]byte, error) {
	var own [4]byte
	name, err := os.Hostname()
	if err != nil {
		return own, fmt.Errorf("find own name: %w", err)
	}
	addrs, err := net.LookupIP(name)
	if err != nil {
		return own, fmt.Errorf("find own address: %w", err)
	}
	for _, a := range addrs {
		if v4 := a.To4(); v4 != nil {
			copy(own[:], v4)
			return own, nil
		}
	}
	return own, fmt.Errorf("find own address: %s has no IPv4 address", name)
}

func answer(query []byte, own [4]byte) ([]byte, error) {
	var p dnsmessage.Parser
	head, err := p.Start(query)
	if err != nil {
		return nil, err
	}
	q, err := p.Question()
	if err != nil {
		return nil, err
	}
	known := served[strings.ToLower(q.Name.String())]
	m := dnsmessage.Message{Questions: []dnsmessage.Question{q}, Header: dnsmessage.Header{ID: head.ID, Response: true,
		RecursionDesired: head.RecursionDesired, RecursionAvailable: true}}
	if !known {
		m.Header.RCode = dnsmessage.RCodeNameError
	}
	if known && q.Type == dnsmessage.TypeA {
		m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 30}, Body: &dnsmessage.AResource{A: own}}}
	}
	return m.Pack()
}
