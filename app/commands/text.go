package commands

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxLine bounds a line of text, in bytes: memory is short.
const maxLine = 1 << 20

// each calls f with every file, or with the standard input if there is none. What
// cannot be read is told at the end and does not keep the others from being read.
func each(s Streams, files []string, f func(name string, r io.Reader) error) error {
	if len(files) == 0 {
		return f("", s.In)
	}
	var errs []error
	for _, name := range files {
		file, err := os.Open(name)
		if err == nil {
			err = f(name, file)
			file.Close()
		}
		if errors.Is(err, errStop) {
			return err
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// errStop ends each early.
var errStop = errors.New("enough")

// lines calls f with each line, without its end.
func lines(r io.Reader, f func(line []byte) error) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, maxLine)
	for s.Scan() {
		if err := f(s.Bytes()); err != nil {
			return err
		}
	}
	return s.Err()
}

// shortCount lets -5 stand for -n 5.
func shortCount(args []string) []string {
	if len(args) > 0 {
		if n, ok := strings.CutPrefix(args[0], "-"); ok {
			if _, err := strconv.ParseUint(n, 10, 31); err == nil {
				return append([]string{"-n", n}, args[1:]...)
			}
		}
	}
	return args
}

func title(s Streams, files []string, name string) {
	if len(files) > 1 {
		fmt.Fprintf(s.Out, "==> %s <==\n", name)
	}
}

func head(s Streams, args []string) error {
	n := 10
	files, err := options(s, "head", "head [-n LINES] [FILE...]", shortCount(args), func(f *flag.FlagSet) { f.IntVar(&n, "n", n, "so many lines") })
	if err != nil {
		return err
	}
	return each(s, files, func(name string, r io.Reader) error {
		title(s, files, name)
		left := n
		if left <= 0 {
			return nil
		}
		err := lines(r, func(line []byte) error {
			fmt.Fprintf(s.Out, "%s\n", line)
			if left--; left == 0 {
				return io.EOF
			}
			return nil
		})
		if err == io.EOF {
			return nil
		}
		return err
	})
}

func tail(s Streams, args []string) error {
	n := 10
	files, err := options(s, "tail", "tail [-n LINES] [FILE...]", shortCount(args), func(f *flag.FlagSet) { f.IntVar(&n, "n", n, "so many lines") })
	if err != nil {
		return err
	}
	return each(s, files, func(name string, r io.Reader) error {
		title(s, files, name)
		var last [][]byte
		err := lines(r, func(line []byte) error {
			if last = append(last, bytes.Clone(line)); len(last) > max(n, 0) {
				last[0] = nil
				last = last[1:]
			}
			return nil
		})
		for _, line := range last {
			fmt.Fprintf(s.Out, "%s\n", line)
		}
		return err
	})
}

// grep takes Go's regular expressions (RE2).
func grep(s Streams, args []string) error {
	var ignoreCase, invert, number, count, list, silent bool
	rest, err := options(s, "grep", "grep [-i] [-v] [-n] [-c] [-l] [-q] PATTERN [FILE...]", args, func(f *flag.FlagSet) {
		f.BoolVar(&ignoreCase, "i", false, "upper case is as lower case")
		f.BoolVar(&invert, "v", false, "lines that do not match")
		f.BoolVar(&number, "n", false, "with line numbers")
		f.BoolVar(&count, "c", false, "only how many")
		f.BoolVar(&list, "l", false, "only the files' names")
		f.BoolVar(&silent, "q", false, "nothing: for the exit status")
	})
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return usagef("which pattern?")
	}
	pattern := rest[0]
	if ignoreCase {
		pattern = "(?i)" + pattern
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return usageError{err}
	}
	found := false
	err = each(s, rest[1:], func(name string, r io.Reader) error {
		prefix := ""
		if len(rest) > 2 {
			prefix = name + ":"
		}
		n, matches := 0, 0
		err := lines(r, func(line []byte) error {
			n++
			if re.Match(line) == invert {
				return nil
			}
			found = true
			matches++
			switch {
			case silent:
				return errStop
			case list:
				return io.EOF
			case count:
			case number:
				fmt.Fprintf(s.Out, "%s%d:%s\n", prefix, n, line)
			default:
				fmt.Fprintf(s.Out, "%s%s\n", prefix, line)
			}
			return nil
		})
		if list && matches > 0 {
			fmt.Fprintln(s.Out, name)
		}
		if count {
			fmt.Fprintf(s.Out, "%s%d\n", prefix, matches)
		}
		if err == io.EOF {
			return nil
		}
		return err
	})
	if err != nil && !errors.Is(err, errStop) {
		return err
	}
	if !found {
		return errQuiet
	}
	return nil
}

func wc(s Streams, args []string) error {
	var l, w, c bool
	files, err := options(s, "wc", "wc [-l] [-w] [-c] [FILE...]", args, func(f *flag.FlagSet) {
		f.BoolVar(&l, "l", false, "lines")
		f.BoolVar(&w, "w", false, "words")
		f.BoolVar(&c, "c", false, "bytes")
	})
	if err != nil {
		return err
	}
	if !l && !w && !c {
		l, w, c = true, true, true
	}
	return each(s, files, func(name string, r io.Reader) error {
		var lines, words, size int
		inWord := false
		in := bufio.NewReader(r)
		for {
			b, err := in.ReadByte()
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
			size++
			if b == '\n' {
				lines++
			}
			space := b == ' ' || b >= '\t' && b <= '\r'
			if !space && !inWord {
				words++
			}
			inWord = !space
		}
		var fields []string
		for _, f := range []struct {
			wanted bool
			n      int
		}{{l, lines}, {w, words}, {c, size}} {
			if f.wanted {
				fields = append(fields, fmt.Sprintf("%7d", f.n))
			}
		}
		_, err := fmt.Fprintln(s.Out, strings.TrimRight(strings.Join(fields, " ")+" "+name, " "))
		return err
	})
}

// sortLines keeps all lines in memory.
func sortLines(s Streams, args []string) error {
	var reverse, numeric, unique bool
	files, err := options(s, "sort", "sort [-n] [-r] [-u] [FILE...]", args, func(f *flag.FlagSet) {
		f.BoolVar(&numeric, "n", false, "by the number at the beginning")
		f.BoolVar(&reverse, "r", false, "the last first")
		f.BoolVar(&unique, "u", false, "each line once")
	})
	if err != nil {
		return err
	}
	var all []string
	if err := each(s, files, func(_ string, r io.Reader) error {
		return lines(r, func(line []byte) error {
			all = append(all, string(line))
			return nil
		})
	}); err != nil {
		return err
	}
	compare := strings.Compare
	if numeric {
		compare = func(a, b string) int {
			x, y := leadingNumber(a), leadingNumber(b)
			switch {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return strings.Compare(a, b)
		}
	}
	slices.SortFunc(all, compare)
	if reverse {
		slices.Reverse(all)
	}
	if unique {
		all = slices.Compact(all)
	}
	for _, line := range all {
		if _, err := fmt.Fprintln(s.Out, line); err != nil {
			return err
		}
	}
	return nil
}

// leadingNumber is 0 for a line without one.
func leadingNumber(line string) float64 {
	field, _, _ := strings.Cut(strings.TrimSpace(line), " ")
	for ; field != ""; field = field[:len(field)-1] {
		if n, err := strconv.ParseFloat(field, 64); err == nil {
			return n
		}
	}
	return 0
}

func hexdump(s Streams, args []string) error {
	files, err := options(s, "hexdump", "hexdump [FILE...]", args, nil)
	if err != nil {
		return err
	}
	dump := hex.Dumper(s.Out)
	defer dump.Close()
	return each(s, files, func(_ string, r io.Reader) error {
		_, err := io.Copy(dump, r)
		return err
	})
}
