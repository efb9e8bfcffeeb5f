package build

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"duostoryteller/app/llama"
	"duostoryteller/app/llama/packed"
	"duostoryteller/imagebuilder/card"
	"duostoryteller/imagebuilder/models"
	"duostoryteller/imagebuilder/rootfs"
)

// printMaps prints where everything lies on the card and in the memory.
func (s *state) printMaps() {
	w := tabwriter.NewWriter(s.Log, 0, 0, 2, ' ', tabwriter.AlignRight)
	defer w.Flush()
	c := s.board.Card
	fmt.Fprintf(w, "\nThe card, %s:\n", filepath.Join(s.Out, Image))
	row := func(at, n int64, what string) {
		fmt.Fprintf(w, "%s\t%s\t  %s\n", size(at), size(n), what)
	}
	row(0, 512, fmt.Sprintf("master boot record, disk signature %08x", s.layout.signature))
	row(c.BootStart, c.BootSize, "partition 1: FAT32 "+c.BootLabel)
	for _, f := range s.layout.files {
		fmt.Fprintf(w, "\t%s\t    %s\n", size(int64(len(f.Data))), f.Name)
	}
	row(c.RootStart, s.rootSize(), fmt.Sprintf("partition 2: EROFS, read-only, PARTUUID=%08x-02", s.layout.signature))
	files := s.rootTree.Files()
	slices.SortStableFunc(files, func(a, b rootfs.File) int { return cmp.Compare(b.Size, a.Size) })
	for _, f := range files[:min(len(files), 6)] {
		fmt.Fprintf(w, "\t%s\t    %s\n", size(f.Size), f.Path)
	}

	total := s.board.Memory.Size
	fmt.Fprintf(w, "\nThe memory of %s, %s, as planned in its board.toml:\n", s.board.Title, size(int64(total)))
	for _, share := range s.board.Budget.Shares() {
		fmt.Fprintf(w, "\t%s\t  %s\n", size(int64(share.Bytes)), share.Name)
	}
	fmt.Fprintf(w, "\t%s\t  not planned\n", size(int64(total-s.board.Budget.Total())))
	for _, m := range s.models() {
		for _, line := range s.overBudget(m.header.Config) {
			if len(s.more) > 0 {
				line = m.name() + ": " + line
			}
			fmt.Fprintf(w, "\nWarning: %s.\n", line)
		}
	}
	for _, line := range append(s.overFull(), s.unlicensed()...) {
		fmt.Fprintf(w, "\nWarning: %s.\n", line)
	}
}

// overBudget says where a model takes more memory than board.toml has for it.
func (s *state) overBudget(c llama.Config) (lines []string) {
	b := s.board.Budget
	need, err := packed.Settle(c, packed.Exact, models.Free(s.board))
	switch {
	case errors.Is(err, packed.ErrTooLarge):
		return []string{fmt.Sprintf("this model is too large for the exact engine, which takes %v: write engine = \"fast\" into storyteller.toml", need.Memory)}
	case err != nil:
		return []string{err.Error()}
	}
	if need.Use == packed.Streamed {
		lines = append(lines, "this model is larger than the board's memory: the exact engine reads its layers from the card for every few tokens; 'imagebuilder model --shape' models how fast that is")
	}
	if need.Context < c.SeqLen {
		lines = append(lines, fmt.Sprintf("there is memory for stories of up to %d tokens, not the model's %d", need.Context, c.SeqLen))
	}
	if need.Total() <= int64(b.Engine+b.HotRows+b.KVCache) {
		return lines
	}
	for _, share := range []struct {
		what       string
		need       int64
		have       uint64
		budgetName string
	}{
		{"weights", need.Weights, b.Engine, "engine"},
		{"hot rows", need.HotRows, b.HotRows, "hot_rows"},
		{"KV cache", need.KVCache, b.KVCache, "kv_cache"},
	} {
		if share.need > int64(share.have) {
			lines = append(lines, fmt.Sprintf("this model's %s take %s, and %s in %s has %s for them",
				share.what, size(share.need), share.budgetName, filepath.Join(s.board.Dir, "board.toml"), size(int64(share.have))))
		}
	}
	return lines
}

// overFull says that an update of this system does not fit onto the card beside
// what is there, if so.
func (s *state) overFull() (lines []string) {
	need := s.updateSize
	for _, f := range s.layout.files {
		need += int64(len(f.Data))
	}
	if have := card.Room(s.board.Card.BootSize); need > have {
		lines = append(lines, fmt.Sprintf("%s, %s, does not fit onto partition 1 beside its files: it lacks %s; enlarge boot_size in %s",
			updateFile, size(s.updateSize), size(need-have), filepath.Join(s.board.Dir, "board.toml")))
	}
	return lines
}

// unlicensed says which licence the card lacks: only Go's may, where Go does not
// bring it.
func (s *state) unlicensed() (lines []string) {
	for _, m := range s.modules {
		if m.LicenceText == nil {
			lines = append(lines, fmt.Sprintf("the licence of %s is not on this machine, and so not on the card, and nobody may pass the card on without it: use Go as its makers distribute it, which has the file LICENSE", m.Name))
		}
	}
	return lines
}

// printAdvice says what to do with the image, and what it lacks for a board.
func (s *state) printAdvice() {
	if advice := s.modelAdvice(); advice != "" {
		fmt.Fprintf(s.Log, "\n%s", advice)
	}
	if s.fip == nil {
		why := ""
		if s.fipMissing != nil {
			why = fmt.Sprintf("It could not be downloaded:\n    %v\n", s.fipMissing)
		}
		fmt.Fprintf(s.Log, `
Missing for a real board: the vendor's fip.bin (DRAM set-up, OpenSBI, U-Boot).
%sThis image runs in the emulator, which does not need it: make run
For a card that boots a board, run make image where there is a network; or download the official
SD image elsewhere (%s) and give it, packed or unpacked, or a fip.bin:
    make image FIP=FILE
`, why, "https://github.com/milkv-duo/duo-buildroot-sdk/releases")
		return
	}
	for _, name := range s.missingConfigurations() {
		fmt.Fprintf(s.Log, "\nWarning: this fip.bin's U-Boot asks boot.sd for %s, which is not in it: it will not boot.\nAdd the name to [[fit.configurations]] in %s.\n", name, filepath.Join(s.board.Dir, "board.toml"))
	}
	if len(s.fipInfo.Configurations) == 0 {
		fmt.Fprintf(s.Log, "\nWarning: this fip.bin's U-Boot does not say which configuration of boot.sd it boots; boot.sd has %s.\n", strings.Join(s.configurations(), ", "))
	}
}

func (s *state) configurations() (names []string) {
	for _, c := range s.board.FIT.Configurations {
		names = append(names, c.Name)
	}
	return names
}
