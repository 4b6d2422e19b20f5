package hostaction

// OfferFile makes a file of the host readable for the agent's pod, which sees nothing but its work directory: as a link, or as a copy where it lies on
// another file system. It changes nothing outside of the work directory. Output: Offered.
type OfferFile struct {
	Path string `json:"path"`
}

// Offered is a file that the agent's pod can read.
type Offered struct {
	// Name is its checksum, by which the agent finds it.
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Kind implements Action.
func (OfferFile) Kind() Kind { return "offer-file" }

// Changes implements Action.
func (OfferFile) Changes() bool { return false }
