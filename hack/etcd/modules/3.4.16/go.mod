module etcd.invalid/v3.4.16

go 1.16

require go.etcd.io/etcd v0.5.0-alpha.5.0.20210512015243-d19fbe541bf9
