module etcd.invalid/v3.4.3

go 1.16

require go.etcd.io/etcd v0.5.0-alpha.5.0.20191023171146-3cf2f69b5738
