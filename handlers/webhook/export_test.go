package webhook

import "time"

// Lease makes leases as short as a test can wait for.
func (f *Feed) Lease(d time.Duration) {
	for _, h := range f.hooks {
		h.lease, h.spare = d, 0
	}
}
