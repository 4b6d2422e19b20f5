package main

import (
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

func TestAnswer(t *testing.T) {
	for name, want := range map[string]dnsmessage.RCode{"pkgs.k8s.io.": dnsmessage.RCodeSuccess, "example.org.": dnsmessage.RCodeNameError} {
		q := dnsmessage.Message{Header: dnsmessage.Header{ID: 7}, Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}}}
		query, err := q.Pack()
		if err != nil {
			t.Fatal(err)
		}
		out, err := answer(query, [4]byte{10, 0, 0, 1})
		if err != nil {
			t.Fatal(err)
		}
		var m dnsmessage.Message
		if err := m.Unpack(out); err != nil {
			t.Fatal(err)
		}
		if m.ID != 7 || m.RCode != want || (len(m.Answers) == 1) != (want == dnsmessage.RCodeSuccess) {
			t.Errorf("%s: %+v", name, m)
		}
	}
}
