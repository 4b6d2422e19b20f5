package main

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		code           int
	}{
		{"passed", `
{"Action":"start","Package":"a"}
{"Action":"output","Package":"a","Test":"TestX","Output":"noise\n"}
{"Action":"pass","Package":"a","Test":"TestX","Elapsed":0.1}
{"Action":"pass","Package":"a","Test":"TestY/sub","Elapsed":0.1}
{"Action":"pass","Package":"a","Elapsed":1.5}
{"Action":"skip","Package":"no/tests","Elapsed":0}
`, "ok   a 1.5s\n2 passed, 0 failed\n", 0},
		{"failed", `
{"Action":"output","Package":"a","Test":"TestX","Output":"want 1\n"}
{"Action":"fail","Package":"a","Test":"TestX","Elapsed":0.1}
{"Action":"pass","Package":"a","Test":"TestY","Elapsed":0.1}
{"Action":"output","Package":"a","Output":"FAIL\n"}
{"Action":"fail","Package":"a","Elapsed":2}
`, "    want 1\nFAIL a 2s\n1 passed, 1 failed\n", 1},
		{"skipped", `
{"Action":"output","Package":"a","Test":"TestX","Output":"needs root\n"}
{"Action":"skip","Package":"a","Test":"TestX"}
{"Action":"pass","Package":"a","Elapsed":1}
`, "    needs root\nok   a 1s\n0 passed, 0 failed\n", 0},
		{"does not compile", `
{"ImportPath":"a [a.test]","Action":"build-output","Output":"a.go:1: undefined: x\n"}
{"ImportPath":"a [a.test]","Action":"build-fail"}
{"Action":"fail","Package":"a","Elapsed":0,"FailedBuild":"a [a.test]"}
`, "FAIL a 0s\n    a.go:1: undefined: x\n0 passed, 1 failed\n", 1},
		{"panics outside a test", `
{"Action":"output","Package":"a","Output":"panic: boom\n"}
{"Action":"fail","Package":"a","Elapsed":1}
`, "FAIL a 1s\n    panic: boom\n0 passed, 1 failed\n", 1},
		{"nothing", "go: no such module\n", "go: no such module\ntestsum: no test result was read\n0 passed, 1 failed\n", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out strings.Builder
			code := run(strings.NewReader(strings.TrimPrefix(c.in, "\n")), &out)
			if code != c.code || out.String() != c.want {
				t.Errorf("exit %d, output:\n%s\nwant %d:\n%s", code, &out, c.code, c.want)
			}
		})
	}
}
