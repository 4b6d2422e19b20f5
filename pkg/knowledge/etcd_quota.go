package knowledge

import "strconv"

// defaultQuota is DefaultQuotaBytes: https://github.com/etcd-io/etcd/blob/v3.6.0/server/storage/quota.go
const defaultQuota = 2 << 30

// EtcdQuota is what a member's database may grow to (bytes) by its setting quota-backend-bytes, which is empty where there is none; negative
// without a limit.
func EtcdQuota(setting string) int64 {
	n, err := strconv.ParseInt(setting, 0, 64)
	if err != nil || n == 0 {
		return defaultQuota
	}
	return n
}
