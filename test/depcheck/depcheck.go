// Package depcheck holds no code, only the tests that keep imports going one way and servers out of the clients.
package depcheck
