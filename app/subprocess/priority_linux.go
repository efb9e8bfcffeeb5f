package subprocess

import (
	"fmt"
	"os"
	"syscall"
)

// giveWay lets the story come first. A program that cannot be made to works all the
// same.
func giveWay(pid, niceness int) {
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, pid, niceness)
	// Where memory runs out, the story goes on without it.
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid), []byte("500"), 0)
}
