package main

import (
	"context"
	"fmt"
	"strings"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func images(ctx context.Context, c *client, args []string) error {
	l, err := parseList("images", args)
	if err != nil {
		return err
	}
	res, err := c.image.ListImages(ctx, &cri.ListImagesRequest{})
	if err != nil {
		return fmt.Errorf("list images: %w", err)
	}
	if l.output == "json" {
		return printJSON(map[string]any{"images": res.Images})
	}
	var rows [][]string
	for _, i := range res.Images {
		if l.quiet {
			fmt.Println(i.Id)
			continue
		}
		tags := i.RepoTags
		if len(tags) == 0 {
			tags = []string{"<none>:<none>"}
		}
		for _, t := range tags {
			cut := strings.LastIndex(t, ":")
			rows = append(rows, []string{t[:cut], t[cut+1:], short(i.Id), fmt.Sprintf("%.1fMB", float64(i.Size)/1e6)})
		}
	}
	if l.quiet {
		return nil
	}
	return table("IMAGE\tTAG\tIMAGE ID\tSIZE", rows)
}

func inspect(ctx context.Context, c *client, args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("inspect image: no image given")
	}
	for _, image := range args {
		res, err := c.image.ImageStatus(ctx, &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: image}})
		if err != nil {
			return fmt.Errorf("inspect image %s: %w", image, err)
		}
		if res.Image == nil {
			return fmt.Errorf("inspect image %s: it is not on this node", image)
		}
		if err := printJSON(map[string]any{"status": res.Image}); err != nil {
			return err
		}
	}
	return nil
}

func pull(ctx context.Context, c *client, args []string) error {
	return each(args, "pull image", func(image string) error {
		_, err := c.image.PullImage(ctx, &cri.PullImageRequest{Image: &cri.ImageSpec{Image: image}})
		return err
	})
}

func rmi(ctx context.Context, c *client, args []string) error {
	return each(args, "remove image", func(image string) error {
		_, err := c.image.RemoveImage(ctx, &cri.RemoveImageRequest{Image: &cri.ImageSpec{Image: image}})
		return err
	})
}
