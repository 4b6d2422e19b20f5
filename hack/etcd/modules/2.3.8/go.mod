module etcd.invalid/v2.3.8

go 1.16

require github.com/coreos/etcd v2.3.8+incompatible

