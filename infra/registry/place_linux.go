package registry

import (
	"os"
	"strings"
	"sync"
)

// place identifies where a process's seat can be seen: one boot of one kernel, and one network namespace in
// it. It is empty when the system does not tell.
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
