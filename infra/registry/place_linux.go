package registry

import (
	"os"
	"strings"
	"sync"
)

// place is where a process can be seen by its seat: a kernel since it started, and a
// network in it. It is empty when the system does not say.
var place = sync.OnceValue(func() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	network, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + network
})
