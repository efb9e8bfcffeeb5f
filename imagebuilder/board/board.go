// Package board reads the description of a board, board/NAME/board.toml.
//
// Every address and size is in bytes. Unknown keys are errors, so that a
// misspelt one cannot pass for a default.
package board

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"
)

// Board is one board. A board with CardOf boots another board's card, and has
// no kernel, FIT, card, model, tokenizer, budget or cost of its own.
type Board struct {
	Name      string    `toml:"name"`  // of its folder
	Title     string    `toml:"title"` // for people
	CardOf    string    `toml:"card_of"`
	Kernel    Kernel    `toml:"kernel"`
	Memory    Memory    `toml:"memory"`
	Budget    Budget    `toml:"budget"`
	Console   Console   `toml:"console"`
	FIT       FIT       `toml:"fit"`
	Card      Card      `toml:"card"`
	Model     File      `toml:"model"`
	Tokenizer File      `toml:"tokenizer"`
	Cost      Cost      `toml:"cost"`
	Emulator  *Emulator `toml:"emulator"` // nil for a board that cannot be emulated

	// Dir is the folder that the description was read from.
	Dir string `toml:"-"`
}

// Kernel names the inputs of the kernel, relative to the board's folder; Load
// makes them relative to where Load's folder is.
type Kernel struct {
	Patches     []string `toml:"patches"`
	Fragments   []string `toml:"fragments"`
	DeviceTrees []string `toml:"device_trees"`
}

// Memory is the DRAM.
type Memory struct {
	Base     uint64     `toml:"base"`
	Size     uint64     `toml:"size"`
	Reserved []Reserved `toml:"reserved"` // what Linux must leave alone
}

// Reserved is a part of the DRAM.
type Reserved struct {
	Name string `toml:"name"`
	Base uint64 `toml:"base"`
	Size uint64 `toml:"size"`
}

// Budget divides the memory.
type Budget struct {
	Kernel       uint64 `toml:"kernel"`
	Engine       uint64 `toml:"engine"`
	KVCache      uint64 `toml:"kv_cache"`
	HotRows      uint64 `toml:"hot_rows"`
	Programs     uint64 `toml:"programs"`
	Voice        uint64 `toml:"voice"`
	PageCache    uint64 `toml:"page_cache"`
	MinAvailable uint64 `toml:"min_available"`
}

// Share is one line of the budget.
type Share struct {
	Name  string
	Bytes uint64
}

// Shares returns the budget in the order of the file.
func (b Budget) Shares() []Share {
	return []Share{
		{"kernel and firmware", b.Kernel},
		{"engine's weights", b.Engine},
		{"KV cache", b.KVCache},
		{"hot embedding rows", b.HotRows},
		{"programs", b.Programs},
		{"voice", b.Voice},
		{"page cache", b.PageCache},
		{"left available", b.MinAvailable},
	}
}

// Total is the sum of all shares.
func (b Budget) Total() uint64 {
	var sum uint64
	for _, s := range b.Shares() {
		sum += s.Bytes
	}
	return sum
}

// Console is the serial console.
type Console struct {
	Device string `toml:"device"`
	Baud   int    `toml:"baud"`
}

// FIT describes boot.sd, U-Boot's flattened image tree.
type FIT struct {
	File           string          `toml:"file"`         // its name on the card
	LoadAddress    uint64          `toml:"load_address"` // where U-Boot puts the file
	KernelLoad     uint64          `toml:"kernel_load"`
	KernelEntry    uint64          `toml:"kernel_entry"`
	MaxSize        int64           `toml:"max_size"`
	Configurations []Configuration `toml:"configurations"`
}

// Configuration pairs the kernel with a device tree.
type Configuration struct {
	Name       string `toml:"name"`
	DeviceTree string `toml:"device_tree"` // a source's name without .dts; empty: U-Boot's own
	Default    bool   `toml:"default"`
}

// Card is the layout of the microSD card.
type Card struct {
	BootStart int64  `toml:"boot_start"`
	BootSize  int64  `toml:"boot_size"`
	BootType  uint8  `toml:"boot_type"`
	BootLabel string `toml:"boot_label"`
	RootStart int64  `toml:"root_start"`
	RootSize  int64  `toml:"root_size"`
	RootType  uint8  `toml:"root_type"`
	ShellMax  int64  `toml:"shell_max"` // what the shell and its commands may take
}

// File is a download with its pinned contents.
type File struct {
	File   string `toml:"file"`
	URL    string `toml:"url"`
	SHA256 string `toml:"sha256"` // hexadecimal
	Size   int64  `toml:"size"`
}

// Cost has the parameters of the model of the board's speed.
type Cost struct {
	Clock Parameter `toml:"clock"` // cycles a second
	DRAM  Parameter `toml:"dram"`  // bytes a second
	Card  Parameter `toml:"card"`  // bytes a second, sequential
}

// Parameter is a value and what it rests on.
type Parameter struct {
	Value  float64 `toml:"value"`
	Likely float64 `toml:"likely"` // 0: no range is known
	Best   float64 `toml:"best"`
	Source string  `toml:"source"`
}

// Emulator says how to start the machine and boot the card in it.
type Emulator struct {
	Program       string   `toml:"program"` // empty: the builder's own, see package twin
	Machine       string   `toml:"machine"`
	CPU           string   `toml:"cpu"`
	UBoot         string   `toml:"uboot"`
	Configuration string   `toml:"configuration"`
	Bootargs      string   `toml:"bootargs"`
	Commands      []string `toml:"commands"`
}

// UBootCommands returns what to type at U-Boot's prompt to boot a card whose
// root partition has the given PARTUUID, from the FIT of the card's board.
func (e *Emulator) UBootCommands(fit FIT, partuuid string) []string {
	values := strings.NewReplacer(
		"{bootargs}", strings.ReplaceAll(e.Bootargs, "{partuuid}", partuuid),
		"{partuuid}", partuuid,
		"{load}", fmt.Sprintf("%#x", fit.LoadAddress),
		"{configuration}", e.Configuration,
	)
	var commands []string
	for _, c := range e.Commands {
		commands = append(commands, values.Replace(c))
	}
	return commands
}

// Load reads dir/NAME/board.toml, dir being the repository's folder "board".
// An error names the file, the line where there is one, and the key.
func Load(dir, name string) (*Board, error) {
	file := filepath.Join(dir, name, "board.toml")
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("board: there is no %s: a board is a folder of %s", file, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("board: %w", err)
	}
	b, err := parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("board: %s: %w", file, err)
	}
	if b.Name != name {
		return nil, fmt.Errorf("board: %s: name is %q, its folder's %q", file, b.Name, name)
	}
	b.Dir = filepath.Join(dir, name)
	for _, list := range [][]string{b.Kernel.Patches, b.Kernel.Fragments, b.Kernel.DeviceTrees} {
		for i := range list {
			list[i] = filepath.Join(b.Dir, list[i])
		}
	}
	return b, nil
}

// parse reads and checks a description.
func parse(text string) (*Board, error) {
	var b Board
	meta, err := toml.Decode(text, &b)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "toml: "))
	}
	for _, key := range meta.Undecoded() {
		return nil, fmt.Errorf("line %d: unknown key %s", lineOf(text, key), key)
	}
	return &b, b.check()
}

// lineOf finds the line that gives a key, for the decoder keeps positions to
// itself. It returns 0 for a key in a form that our files do not use.
func lineOf(text string, key toml.Key) int {
	table, n := "", 0
	for line := range strings.Lines(text) {
		n++
		line, _, _ = strings.Cut(line, "#")
		line = strings.TrimSpace(line)
		name := line
		if strings.HasPrefix(line, "[") {
			table = strings.Trim(line, "[]")
			name = table
		} else {
			name, _, _ = strings.Cut(line, "=")
			if name = strings.TrimSpace(name); table != "" {
				name = table + "." + name
			}
		}
		if name == key.String() {
			return n
		}
	}
	return 0
}

func (b *Board) check() error {
	if b.Name == "" || b.Title == "" {
		return errors.New("name and title are wanted")
	}
	if b.Memory.Size == 0 {
		return errors.New("memory.size is wanted")
	}
	for _, r := range b.Memory.Reserved {
		if r.Base < b.Memory.Base || r.Size > b.Memory.Size || r.Base-b.Memory.Base > b.Memory.Size-r.Size {
			return fmt.Errorf("memory.reserved %q lies outside the memory", r.Name)
		}
	}
	if b.CardOf != "" {
		return nil
	}
	if len(b.Kernel.Fragments) == 0 {
		return errors.New("kernel.fragments is wanted")
	}
	if total := b.Budget.Total(); total > b.Memory.Size {
		return fmt.Errorf("the budget's shares are %d bytes, %d more than memory.size", total, total-b.Memory.Size)
	}
	if err := b.FIT.check(b.Kernel.DeviceTrees); err != nil {
		return err
	}
	c := b.Card
	for _, v := range []struct {
		key   string
		bytes int64
	}{{"boot_start", c.BootStart}, {"boot_size", c.BootSize}, {"root_start", c.RootStart}, {"root_size", c.RootSize}} {
		if v.bytes <= 0 || v.bytes%512 != 0 {
			return fmt.Errorf("card.%s is %d, not a positive multiple of 512", v.key, v.bytes)
		}
	}
	if c.BootStart+c.BootSize > c.RootStart {
		return errors.New("card: the boot partition reaches into the root partition")
	}
	for key, f := range map[string]File{"model": b.Model, "tokenizer": b.Tokenizer} {
		if sum, err := hex.DecodeString(f.SHA256); err != nil || len(sum) != 32 || f.File == "" || f.URL == "" || f.Size <= 0 {
			return fmt.Errorf("%s: file, url, sha256 (64 hexadecimal digits) and size are wanted", key)
		}
	}
	for key, p := range map[string]Parameter{"clock": b.Cost.Clock, "dram": b.Cost.DRAM, "card": b.Cost.Card} {
		if p.Value <= 0 || p.Source == "" {
			return fmt.Errorf("cost.%s: a positive value and its source are wanted", key)
		}
	}
	return nil
}

func (f FIT) check(deviceTrees []string) error {
	if f.File == "" || f.MaxSize <= 0 || f.KernelLoad == 0 || f.KernelEntry == 0 || f.LoadAddress == 0 {
		return errors.New("fit: file, max_size, load_address, kernel_load and kernel_entry are wanted")
	}
	trees := make(map[string]bool)
	for _, name := range deviceTrees {
		trees[strings.TrimSuffix(filepath.Base(name), ".dts")] = true
	}
	defaults := 0
	for _, c := range f.Configurations {
		if c.Default {
			defaults++
		}
		if c.DeviceTree != "" && !trees[c.DeviceTree] {
			return fmt.Errorf("fit: configuration %s: kernel.device_trees has no %s.dts", c.Name, c.DeviceTree)
		}
	}
	if defaults != 1 {
		return fmt.Errorf("fit: %d configurations are the default, not one", defaults)
	}
	return nil
}
