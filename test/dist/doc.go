// Package dist installs an archive of the plugin with the real krew, runs it through a real kubectl, and builds it a second
// time elsewhere to see that the same bytes come out. "make test-dist" brings kubectl; the tests have the build tag realkrew.
package dist
