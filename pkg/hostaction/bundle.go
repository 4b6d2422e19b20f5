package hostaction

// File is one file that is carried to a host: its path below the bundle's directory, its size (bytes) and its SHA-256 in hex.
type File struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// CarriedBundle is where an image of the agent has the bundle that it carries.
const CarriedBundle = "/bundle"

// Held is how much of a file is on a host.
type Held struct {
	Path string `json:"path"`
	// Bytes are those that are there, from the first on; all of them, and checked, when Whole is set.
	Bytes int64 `json:"bytes"`
	Whole bool  `json:"whole,omitempty"`
}

// ImportImages loads images of a bundle into the container runtime under the names that are asked for, and waits until the runtime's
// own service has them. The files have to be on the host before. Images that are there are left alone. Output: []PulledImage.
type ImportImages struct {
	// Bundle is the digest of the bundle's manifest.
	Bundle string   `json:"bundle"`
	Images []string `json:"images"`
}

// FindImages asks which of the images are on the host, and which file of the bundle has each of the others. An image that neither has
// is an error with CodeImageNotFound. Output: []File, those that are needed.
type FindImages struct {
	Bundle string   `json:"bundle"`
	Images []string `json:"images"`
}

// Kind implements Action.
func (ImportImages) Kind() Kind { return "import-images" }
func (FindImages) Kind() Kind   { return "find-images" } // Kind implements Action.

// Changes implements Action.
func (ImportImages) Changes() bool { return false }
func (FindImages) Changes() bool   { return false }

// Intake is one JSON line that the agent writes while it takes a file in.
type Intake struct {
	// Bytes are those that are on the host's disk.
	Bytes int64 `json:"bytes"`
	// Whole is set in the last line when the file is there and its checksum right.
	Whole bool `json:"whole,omitempty"`
	// Error is set in the last line otherwise.
	Error string `json:"error,omitempty"`
}
