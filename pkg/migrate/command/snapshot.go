package command

import (
	"context"
	"fmt"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate"
)

func (a *app) save(ctx context.Context) error {
	if err := a.needDir(); err != nil {
		return err
	}
	m, err := migrate.Save(ctx, a.opts, a.args[0])
	if err != nil {
		return err
	}
	return a.manifest("saved", m)
}

func (a *app) verify(ctx context.Context) error {
	m, err := migrate.Verify(ctx, a.opts, a.args[0])
	if err != nil {
		return err
	}
	return a.manifest("verified", m)
}

func (a *app) manifest(done string, m *migrate.Manifest) error {
	if a.output == "json" {
		return a.json(m)
	}
	_, err := fmt.Fprintf(a.Out, "%s %s: %d keys, revision %d, %d leases, hash %s\n", done, a.args[0], m.Keys, m.Revision, m.Leases, m.Hash)
	return err
}

func (a *app) restore() error {
	if err := a.needDir(); err != nil {
		return err
	}
	r, err := migrate.RestoreSnapshot(a.opts, a.args[0], a.member, a.bump, a.skipHash)
	if err != nil {
		return err
	}
	if a.output == "json" {
		return a.json(r)
	}
	_, err = fmt.Fprintf(a.Out, "restored %s into %s\n", a.args[0], a.dataDir)
	return err
}

func (a *app) purge(ctx context.Context) error {
	if err := a.needDir(); err != nil {
		return err
	}
	r, err := migrate.PurgeV2(ctx, a.opts)
	if err != nil {
		return err
	}
	return a.result(r)
}
