package ask

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"net/http"
)

// Download writes what is at a URL to out, and gives the answer's header and the SHA-256 of what came, in lower-case hexadecimal.
func (c *Client) Download(ctx context.Context, url string, head http.Header, out io.Writer) (http.Header, string, error) {
	resp, err := c.send(ctx, http.MethodGet, url, head)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(out, h), resp.Body); err != nil {
		return nil, "", fmt.Errorf("fetch %s: %w", url, err)
	}
	return resp.Header, hex.EncodeToString(h.Sum(nil)), nil
}

// Put says something at a URL that is said by the URL alone.
func (c *Client) Put(ctx context.Context, url string, head http.Header) error {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	resp, err := c.send(ctx, http.MethodPut, url, head)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func (c *Client) send(ctx context.Context, method, url string, head http.Header) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", url, err)
	}
	maps.Copy(req.Header, head)
	resp, err := c.web.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask: %w", err) // the cause names the URL
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, &webError{url: url, code: resp.StatusCode}
	}
	return resp, nil
}
