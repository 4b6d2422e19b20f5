package tool

import "encoding/json"

// both reads one JSON value twice: what is used of it, and all of it.
type both struct{ used, all any }

// UnmarshalJSON implements json.Unmarshaler.
func (b *both) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, b.used); err != nil {
		return err
	}
	return json.Unmarshal(data, b.all)
}
