// Package etcd tries etcd-migrate on the data of real etcd servers, from 2.3 to 3.7. The tests want the servers' programs,
// which "make test-etcd" builds before it runs them; they have the build tag realetcd.
package etcd
