package boot

import (
	"encoding/json"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"duostoryteller/app/bench"
	"duostoryteller/tests/golden"
)

// stories is how many are told in a row to look at the memory: two, and as many
// whole ones as STORYTELLER_STORIES says (20 take a quarter of an hour).
func stories(t *testing.T) int {
	text := os.Getenv("STORYTELLER_STORIES")
	if text == "" {
		return 2
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("STORYTELLER_STORIES=%s is not a number of stories", text)
	}
	return n
}

// TestMemory tells stories in a row in 64 MB. The story itself is not the point
// here: with short ones memory and card are as with long ones.
func TestMemory(t *testing.T) {
	t.Parallel()
	checkpoint := golden.Data(t, "standin15M.bin")
	image := buildCard(t, checkpoint, golden.Data(t, "tokenizer.bin"))
	n, steps, patience := stories(t), "16", patience
	if n > 2 {
		steps, patience = "256", time.Hour
	}
	m := bootWith(t, changed(t, image, configured("prompt = \"A\"\nsteps = 2\nvoice = \"off\"\n")), patience)
	m.story()
	m.waitFor(prompt)
	m.send("bench --runs %d --next-seed -n %s --json -", n, steps)
	text := m.waitFor(`(?s)bench starts .*?\n(\{\n.*?\n\})\n`)[1]
	var r bench.Report
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatalf("the report: %v:\n%s", err, text)
	}
	m.waitFor(prompt)
	vmstat := map[string]int{}
	for _, line := range strings.Split(m.show("cat /proc/vmstat", `(?s)nr_free_pages .*?storyteller> $`)[0], "\n") {
		if f := regexp.MustCompile(`^(\w+) (\d+)$`).FindStringSubmatch(line); f != nil {
			vmstat[f[1]], _ = strconv.Atoi(f[2])
		}
	}
	m.checkCounters()
	m.powerOff()

	var table strings.Builder
	r.WriteTable(&table)
	t.Logf("%d stories (emulated):\n%s", len(r.Runs), &table)
	scanned := vmstat["pgscan_kswapd"] + vmstat["pgscan_direct"]
	t.Logf("pages scanned for reclaim %d, of them by programs that waited %d, major faults since the start %d", scanned, vmstat["pgscan_direct"], vmstat["pgmajfault"])
	if len(r.Runs) != n || r.Environment.Kind != bench.Emulated {
		t.Errorf("%d runs, %s; want %d, %s", len(r.Runs), r.Environment.Kind, n, bench.Emulated)
	}
	if c := r.Card; c.SwapIn != 0 || c.SwapOut != 0 || c.OOMKills != 0 {
		t.Errorf("swapped in %d pages, out %d, killed %d; want 0", c.SwapIn, c.SwapOut, c.OOMKills)
	}
	if r.Memory.Available < 5<<10 {
		t.Errorf("MemAvailable went down to %d kB; want at least 5 MB", r.Memory.Available)
	}
	if r.Card.MedianKBAToken != 0 {
		t.Errorf("a token reads %d kB from the card in the median; want none", r.Card.MedianKBAToken)
	}
	if r.Work == nil || r.Work.MedianRead != 0 {
		t.Errorf("a token reads rows of the model in the median, %+v; want none", r.Work)
	}
	// Reading the model once scans what it passed through the page cache; more
	// than its pages twice over would be a storm.
	if most := 2 * 61_000_000 / 4096; scanned > most {
		t.Errorf("%d pages scanned for reclaim; want at most %d", scanned, most)
	}
	if _, ok := vmstat["pgmajfault"]; !ok || r.Card.MajorFaults > 1000+100*n {
		t.Errorf("%d major faults in %d stories: the program is being read again and again", r.Card.MajorFaults, n)
	}
}
