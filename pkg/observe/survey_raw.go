package observe

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"k8s.io/client-go/rest"
)

// objectMeta is the part of an object's metadata that is looked at.
type objectMeta struct {
	Name          string `json:"name"`
	Namespace     string `json:"namespace"`
	ManagedFields []struct {
		Manager     string `json:"manager"`
		APIVersion  string `json:"apiVersion"`
		Subresource string `json:"subresource"`
		Time        string `json:"time"`
	} `json:"managedFields"`
}

// String names the object as an operator would.
func (m objectMeta) String() string {
	if m.Namespace == "" {
		return m.Name
	}
	return m.Namespace + "/" + m.Name
}

// asMetadata asks for the metadata of objects alone, which API servers give since 1.15; older ones ignore it.
const asMetadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"

// selection has the API server leave out what is not looked for.
type selection struct{ param, value string }

// each lists what lies at a path, in pages, so that no more than one page is held in memory. No typed client is needed for it: of most kinds
// only a few fields are looked at, and some kinds no client library has any more.
func each[T any](ctx context.Context, s *survey, path, accept string, page int, see func(T), selections ...selection) error {
	next := ""
	for {
		req := s.client.Discovery().RESTClient().Get().AbsPath(path).Param("limit", strconv.Itoa(page)).SetHeader("Accept", accept).
			WarningHandler(rest.NoWarnings{}) // that a version ends is told as a finding, where it matters
		for _, o := range selections {
			req = req.Param(o.param, o.value)
		}
		if next != "" {
			req = req.Param("continue", next)
		}
		result := req.Do(ctx)
		// Raw has an error without the server's own words, such as who may not list what.
		if err := result.Error(); err != nil {
			return fmt.Errorf("list %s: %w", path, err)
		}
		body, err := result.Raw()
		if err != nil {
			return fmt.Errorf("list %s: %w", path, err)
		}
		var list struct {
			Metadata struct {
				Continue string `json:"continue"`
			} `json:"metadata"`
			Items []T `json:"items"`
		}
		if err := json.Unmarshal(body, &list); err != nil {
			return fmt.Errorf("list %s: %w", path, err)
		}
		for _, i := range list.Items {
			see(i)
		}
		if next = list.Metadata.Continue; next == "" {
			return nil
		}
	}
}
