package registry

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// slotPause is the pause before the free numbers are read again, when others were faster.
const slotPause = 10 * time.Millisecond

// maxSlots bounds how many processes of a kind are numbered.
const maxSlots = 4096

// Slot takes the lowest number of a kind that no process of this place has, and keeps it until seat is
// closed. It is for systems without a registry. ok is false when all are taken, or when the system has no
// seats.
func Slot(kind string) (number int, seat io.Closer, ok bool) {
	for n := range maxSlots {
		if seat := takeSeat("slot " + kind + " " + strconv.Itoa(n)); seat != nil {
			return n, seat, true
		}
		if place() == "" {
			break
		}
	}
	return 0, nil, false
}

// Seat takes a name among the processes of this place, and keeps it until the result is closed. It is for
// systems without a registry. It returns ErrNameTaken when a process that lives has the name, and nil without
// an error when the system has no seats.
func Seat(name string) (io.Closer, error) {
	seat := takeSeat("own name " + name)
	if seat == nil && place() != "" {
		return nil, ErrNameTaken
	}
	return seat, nil
}

// ClaimSlot claims a numbered name, kind-slot-0 or the next that is free. A name whose holder died in this
// place comes first, so that its successor at once ends what the holder left open under that name.
func (r *Registry) ClaimSlot(ctx context.Context, kind string) (*Name, error) {
	ctx, stop := r.within(ctx)
	defer stop()
	for ctx.Err() == nil {
		n, err := r.trySlot(ctx, kind+"-slot-")
		if err != nil {
			return nil, fmt.Errorf("claim a name %s-slot-N at etcd (see registry.endpoints): %w", kind, err)
		}
		if n != nil {
			return n.keep()
		}
		r.pause(ctx, slotPause, nil)
	}
	return nil, context.Cause(ctx)
}

// trySlot claims one of the numbers that look free, nil when others were faster.
func (r *Registry) trySlot(ctx context.Context, start string) (*Name, error) {
	var numbers []int
	err := r.insist(ctx, func() (err error) {
		numbers, err = r.freeSlots(ctx, start)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, number := range numbers {
		n, err := r.newName(ctx, start+strconv.Itoa(number))
		if err != nil {
			return nil, err
		}
		if n.seat == nil && place() != "" {
			continue // a process of this place lives by that name
		}
		var other *occupant
		err = r.insist(ctx, func() (err error) {
			other, err = n.take(ctx)
			return err
		})
		if err == nil && other == nil {
			return n, nil
		}
		n.stand()
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// freeSlots lists numbers to try: first those of holders in this place, then those that nobody holds.
func (r *Registry) freeSlots(ctx context.Context, start string) ([]int, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	keys := r.prefix + "/names/" + start
	resp, err := r.client.Get(ctx, keys, clientv3.WithPrefix())
	if err != nil {
		return nil, fmt.Errorf("read the names at etcd: %w", err)
	}
	taken := map[int]bool{}
	var here []int
	for _, kv := range resp.Kvs {
		number, err := strconv.Atoi(strings.TrimPrefix(string(kv.Key), keys))
		if err != nil {
			continue // somebody's own name
		}
		taken[number] = true
		if other, err := occupantOf(kv); err == nil && other.Place != "" && other.Place == place() {
			here = append(here, number)
		}
	}
	slices.Sort(here)
	const some = 32 // others start at the same time
	for number, left := 0, some; number < maxSlots && left > 0; number++ {
		if !taken[number] {
			here = append(here, number)
			left--
		}
	}
	return here, nil
}
