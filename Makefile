# Duo Storyteller. The verbs have their long form in: go run ./imagebuilder/cmd/imagebuilder help
#
#   make image             out/storyteller.img. The vendor's firmware comes from the official
#                          image: FIRMWARE=v2.0.1 from another, FIP=FILE from a fip.bin or an
#                          image that is there, FIP=none is without. MODEL= and TOKENIZER=
#                          name others than stories15M, MODEL=stories42M a download, which
#                          MODEL_SHA256= checks, MODEL=builtin the small one that is
#                          built in; MORE_MODELS='stories42M FILE FILE,TOKENIZER' puts
#                          further ones on the card; DEBIAN_MIRROR= where the machine is not Debian's;
#                          BASELINE= a riscv64 build of run.c to be measured on the board
#                          beside ours
#   make flash DEVICE=/dev/sdX   write that image, or IMAGE=FILE, to the card in /dev/sdX and check it
#   make run               boot that image in the Duo, emulated: with the vendor's firmware if
#                          the card has it or FIP=FILE, else an open one (built once, some ten
#                          minutes); BOARD=qemu-virt is QEMU's own machine, without a build
#   make serve             the storyteller's page on this PC, at http://localhost:8042/;
#                          MODEL= and TOKENIZER= together name others, MODEL=builtin the
#                          small one that is built in
#   make demo              the storyteller for a browser, in out/demo/: static files for any web
#                          server, which tell by themselves; DEMO=DIR names another folder
#   make bench RUN=FILE    compare our speed with a build of llama2.c's run.c, both on
#                          one core of this PC, in turns; ENGINE=, RUNS=, MODEL= and
#                          TOKENIZER= as wanted
#   make bench-demo RUN=FILE   compare the demo's speed with run.c compiled for WebAssembly, both in
#                          Chromium, in turns. To compile it: clang --target=wasm32-wasi -Ofast -msimd128
#                          -D_WASI_EMULATED_MMAN -o FILE run.c -lwasi-emulated-mman, with Debian's clang,
#                          lld, wasi-libc and libclang-rt-dev-wasm32; RUNS=, MODEL= and TOKENIZER= as wanted
#   make check             what takes minutes, for each change: gofmt, vet, staticcheck, and
#                          the short tests with the race detector
#   make vet-systems       vet every package for every system that the programs are for; a
#                          part of make check
#   make test              everything that is tested without a board, and at its end what was
#                          skipped, and why
#   make deps              install what all of these need, by apt; they do so, too, each for
#                          itself
#   make board-test BOARD=192.168.42.1   run the suites on a board and keep the results in
#                          results/, as JSON and as a page; SERIAL=/dev/ttyUSB0 goes over
#                          its serial console
#   make regress CARD=/dev/sdX POWER='COMMAND' SERIAL=/dev/ttyUSB0   a board on a bench, as CI has
#                          it: write its card, switch it on (COMMAND on, COMMAND off), read
#                          its console to the story, run the suites; log, JSON, page and
#                          JUnit XML in results/. CARD=sdmux:ID is in a mux of usbsdmux or
#                          sd-mux-ctrl; SHORT=1 tries little of each suite, YES=1 asks nobody
#   make buildroot         the same card by Buildroot, all from source, in out/buildroot/: an hour
#                          or more, 11 GB. BUILDROOT=DIR names a Buildroot, else the pinned
#                          release is cloned; FIP=FILE, MODEL=, TOKENIZER= as make image has them
#   make buildroot-check   check the Buildroot route; BUILDROOT=DIR tries that Buildroot, too;
#                          WHOLE=1 makes the cards of both routes, compares them, and has
#                          Buildroot's tell, speak and hear in the emulated machines;
#                          CARDS='out out/buildroot' does that with cards that are there
#   make submission        what is handed in: image, checksums, bill of materials, licences,
#                          test procedures and results, in out/submission/; with stories15M
#                          unless MODEL= says otherwise; URL=https://HOST/FOLDER/ is where it
#                          will be on the web, for Raspberry Pi Imager
#   make release           storyteller and imagebuilder for each system, in out/release/: an archive
#                          each with licences, bill of materials, checksums, completions and
#                          manual pages; SYSTEMS='linux/amd64 windows/arm64' makes those
#   make test-hearing      how much of 300 spoken wishes is understood, and how much else is
#                          taken for one: half an hour
#   make test-voices       how many words of each voice a recogniser finds, at three rates, with
#                          three language models: ten minutes
#   make test-openings     how often a story keeps the hero that was picked for it: five minutes
#   make tune-hearing      what the limits of doubt in app/hearing are chosen by
#   make timeline          stories in emulated machines whose clock goes by instructions: what
#                          reading aloud costs the story, and app/speech/timeline.svg: ten minutes
#   make soak              cut the power 1,000 times, pull the plug 30 times, damage every kind
#                          of sector, update badly, hang, in the emulator: half an hour; CUTS=,
#                          BOOTS=, PLUGS=
#   make fuzz              every fuzz target in turn, FUZZTIME=10m each; what is found is
#                          kept under testdata/fuzz
#   make reproducible      build twice, as differently as one machine can; KERNEL=cached
#                          spares the second build of the kernel
#   make vulncheck         known flaws in what the programs are made of; VULNDB=file:///DIR
#                          where there is no network
#   make test-serving      what a page costs the story in the emulated machine: four minutes
#   make test-usb          plug the board's USB port into a Linux PC, both emulated in one machine;
#                          that wants a kernel of its own, two in five of its files compiled anew after
#                          the card's kernel: some ten minutes once
#   make clean             remove out/ (the cache with the kernel stays)

IMAGEBUILDER := go run ./imagebuilder/cmd/imagebuilder

# Debian and Ubuntu packages by purpose. "a|b" is whichever this release has; "a?" is
# left out where the release has none, and the tests that need it skip themselves.
IMAGE_TOOLS := gcc-riscv64-linux-gnu gcc libc6-dev patch bc bison flex xz-utils debian-archive-keyring ca-certificates
RUN_TOOLS   := qemu-system-riscv|qemu-system-misc opensbi u-boot-qemu
TWIN_TOOLS  := gcc libc6-dev gcc-riscv64-linux-gnu make ninja-build pkgconf|pkg-config python3 python3-venv bison flex patch xz-utils bzip2 libglib2.0-dev libfdt-dev debian-archive-keyring ca-certificates
HEARING_TOOLS := gcc libc6-dev libpocketsphinx-dev libsphinxbase-dev pocketsphinx-en-us espeak-ng flite festival festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts
VOICE_TOOLS := gcc libc6-dev flite1-dev
RACE_TOOLS  := gcc libc6-dev
TEST_TOOLS  := $(sort $(IMAGE_TOOLS) $(RUN_TOOLS) $(TWIN_TOOLS) $(RACE_TOOLS) \
	erofs-utils e2fsprogs dosfstools mtools fdisk mount cpio u-boot-tools device-tree-compiler gpg gpg-agent iproute2 shellcheck qemu-user-static|qemu-user bmap-tools? \
	$(patsubst %,%?,$(filter-out gcc libc6-dev,$(VOICE_TOOLS) $(HEARING_TOOLS)) libespeak-ng-dev libsonic-dev pocketsphinx chromium chromium-driver))

# $(call tools,PACKAGES) installs what is missing, and says what that is. It is
# silent, quick and needs no network when nothing is. apt's answer decides between
# alternatives, so the lists are brought up to date before it is asked.
SUDO := $(if $(filter-out 0,$(shell id -u)),sudo)
APT  := $(SUDO) apt-get -q -o DPkg::Lock::Timeout=600
define tools
@command -v dpkg-query >/dev/null || { echo "no dpkg here: see that the equivalents of these are installed: $(1)"; exit 0; }; \
has() { dpkg-query -W -f '$${Status}' "$$1" 2>/dev/null | grep -q '^install ok installed'; }; \
offers() { apt-cache policy "$$1" 2>/dev/null | grep -q 'Candidate: [^(]'; }; \
either() { echo "$${1%\?}" | tr '|' ' '; }; \
missing() { for p in $(foreach p,$(1),'$(p)'); do for q in $$(either "$$p"); do ! has "$$q" || continue 2; done; echo "$$p"; done; }; \
choose() { for p in "$$@"; do for q in $$(either "$$p"); do ! offers "$$q" || { echo "$$q"; continue 2; }; done; \
	case "$$p" in *\?) echo "make: this release has no package $${p%\?}; what needs it is left out" >&2;; *) either "$$p" | cut -d ' ' -f 1;; esac; done; }; \
set -- $$(missing); \
case "$$*" in '') exit;; *[!?]' '*|*[!?]) $(APT) update || exit;; *) test -n "$$(find /var/lib/apt/lists -maxdepth 0 -mtime -1)" || $(APT) update || true;; esac; \
set -- $$(choose "$$@"); \
test $$# = 0 || { echo "make: installing by apt: $$*"; $(APT) install -y --no-install-recommends "$$@"; }
endef

# Debian 11's QEMU is the last with vector 0.7.1; where the tests look for them. The one
# that counts instructions loads plugins, as Debian's static ones do not: with it come
# all libraries that it needs, and it comes last, so that it is there only with them.
COUNTING := libc6 libgcc-s1 libcapstone4 libglib2.0-0 libgnutls30 libnuma1 liburing2 zlib1g \
	libpcre2-8-0 libp11-kit0 libidn2-0 libunistring2 libtasn1-6 libnettle8 libhogweed6 libgmp10 libffi8
define emulators
dir="$${STORYTELLER_CACHE:-$${XDG_CACHE_HOME:-$$HOME/.cache}/duo-storyteller}/emulators"; had=yes; \
fetch() { test -x "$$dir/$$2" || { into="$$dir/$${2%%/*}"; suite="$$1"; shift 2; $(IMAGEBUILDER) debian --suite "$$suite" --arch amd64 --into "$$into" "$$@"; } || had=; }; \
fetch bullseye bullseye/usr/bin/qemu-riscv64-static qemu-user-static; \
fetch bookworm bookworm/usr/bin/qemu-riscv64-static qemu-user-static; \
test "$$(uname -m)" != x86_64 || fetch bookworm bookworm-plugins/usr/bin/qemu-riscv64 $(COUNTING) qemu-user; \
test -n "$$had" || { echo "make: without these emulators the tests of the vector kernels and those that count instructions skip themselves"; false; }
endef

# Packages of this system with goroutines, in their tests or in themselves; and the others.
define race
grep -rlE '^\s+go [a-zA-Z]|\.Go\(|synctest\.Test|t\.Parallel\(\)|AfterFunc\(|httptest\.|app/subprocess"|^\s+"sync(/atomic)?"$$' --include='*.go' app imagebuilder tests | xargs -n 1 dirname | sort -u | sed 's|^|duostoryteller/|' | xargs go list -e -f '{{if or .GoFiles .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}'
endef
others = go list ./... | grep -vxF "$$($(race))"

# What the programs are for. The packages that are Linux's alone say so by their build
# constraints, and go leaves them out elsewhere.
SYSTEMS := linux/amd64 linux/arm64 linux/riscv64 darwin/arm64 darwin/amd64 windows/amd64 windows/arm64

# Pinned, so that what passes today passes tomorrow.
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

# What a build is made from, as the user wants it.
INPUTS = $(if $(FIP),--fip '$(FIP)') $(if $(FIRMWARE),--firmware '$(FIRMWARE)') $(if $(MODEL),--model '$(MODEL)') $(if $(MODEL_SHA256),--model-sha256 '$(MODEL_SHA256)') $(if $(TOKENIZER),--tokenizer '$(TOKENIZER)') $(foreach m,$(MORE_MODELS),--more-model '$(m)') $(if $(DEBIAN_MIRROR),--debian-mirror '$(DEBIAN_MIRROR)')

.PHONY: vet-systems soak fuzz reproducible vulncheck help image flash run serve demo bench bench-demo check test deps packages board-test regress speech emulators buildroot buildroot-check submission release clean test-hearing test-serving test-usb test-openings test-voices tune-hearing timeline
help:
	@sed -n 's/^#   make/make/p; s/^#    \{5,\}/                     /p' Makefile

image:
	$(call tools,$(IMAGE_TOOLS))
	$(IMAGEBUILDER) build $(INPUTS) $(if $(REQUIRE_MODEL),--require-model) $(if $(BASELINE),--baseline '$(BASELINE)')
	@echo
	@echo "To write it to a card (everything on it is lost; lsblk shows which device it is):"
	@echo "    make flash DEVICE=/dev/sdX"

# Built by the user, run by root: root's own Go would leave root's files behind.
flash:
	@test -n '$(DEVICE)' || { echo "which device? lsblk shows them: make flash DEVICE=/dev/sdX"; exit 2; }
	@test -e '$(or $(IMAGE),out/storyteller.img)' || $(if $(IMAGE),{ echo "make flash: there is no $(IMAGE)"; exit 2; },$(MAKE) image)
	go build -o out/imagebuilder ./imagebuilder/cmd/imagebuilder
	$(SUDO) out/imagebuilder flash '$(DEVICE)' $(if $(IMAGE),'$(IMAGE)')

run:
	$(call tools,$(if $(filter qemu-virt,$(BOARD)),$(RUN_TOOLS),$(TWIN_TOOLS)))
	@$(if $(MODEL),,test -e out/storyteller.img ||) $(MAKE) image
	$(IMAGEBUILDER) run $(if $(BOARD),--board '$(BOARD)') $(if $(filter-out none,$(FIP)),--fip '$(FIP)') $(if $(DEBIAN_MIRROR),--debian-mirror '$(DEBIAN_MIRROR)')

serve:
	$(call tools,$(VOICE_TOOLS))
	$(IMAGEBUILDER) voices out/voices
	@set -- $(if $(and $(MODEL),$(TOKENIZER)),'$(MODEL)' '$(TOKENIZER)',$$($(IMAGEBUILDER) fetch $(if $(MODEL),--model '$(MODEL)'))) && test $$# = 2 && \
	STORYTELLER_VOICES=out/voices go run ./app/cmd/storyteller serve --model "$$1" --tokenizer "$$2"

demo:
	$(IMAGEBUILDER) demo -o '$(or $(DEMO),out/demo)'

bench:
	@test -x '$(RUN)' || { echo "make bench: RUN='$(RUN)' is no program: build llama2.c's run.c and name it with RUN="; exit 1; }
	@mkdir -p out && go build -o out/storyteller ./app/cmd/storyteller
	@set -- $(if $(and $(MODEL),$(TOKENIZER)),'$(MODEL)' '$(TOKENIZER)',$$($(IMAGEBUILDER) fetch $(if $(MODEL),--model '$(MODEL)'))) && test $$# = 2 && \
	for engine in $(or $(ENGINE),exact fast); do echo "$$engine:" && \
	GOMAXPROCS=1 taskset -c 0 out/storyteller bench --model "$$1" --tokenizer "$$2" --engine $$engine \
		--runs $(or $(RUNS),30) --against '$(RUN)' --json "out/bench-$$engine.json" || exit; done

bench-demo:
	@test -e '$(RUN)' || { echo "make bench-demo: RUN='$(RUN)' is no file: compile llama2.c's run.c for WebAssembly, as make help says, and name it with RUN="; exit 1; }
	$(call tools,chromium chromium-driver)
	@set -- $(if $(and $(MODEL),$(TOKENIZER)),'$(MODEL)' '$(TOKENIZER)',$$($(IMAGEBUILDER) fetch $(if $(MODEL),--model '$(MODEL)'))) && test $$# = 2 && \
	STORYTELLER_RUN_WASM='$(abspath $(RUN))' STORYTELLER_RUNS='$(RUNS)' STORYTELLER_MODEL="$$(realpath "$$1")" STORYTELLER_TOKENIZER="$$(realpath "$$2")" \
		go test -count=1 -timeout 60m -run TestAgainstRunC -v ./tests/demo

packages:
	$(call tools,$(TEST_TOOLS))

# Each part says of itself what it has: that all is there is never said for another.
deps: packages
	@echo "make deps: the packages are there: $(TEST_TOOLS:%?=%)"
	go mod download
	@$(IMAGEBUILDER) download $(INPUTS); builds=$$?; { $(emulators); } && test $$builds = 0 || \
	{ echo "make deps: what could not be had, see above, the rest will want from the network"; exit 1; }

check:
	$(call tools,$(RACE_TOOLS))
	@wrong=$$(gofmt -l app imagebuilder tests) && test -z "$$wrong" || { echo "make check: not as gofmt has it: $$wrong"; exit 1; }
	go vet ./...
	@$(MAKE) -s vet-systems
	go run $(STATICCHECK) ./...
	go test -race -short -timeout 60m $$($(race))
	go test -short -timeout 60m $$($(others))

vet-systems:
	@for s in $(SYSTEMS); do echo "go vet for $$s"; GOOS="$${s%/*}" GOARCH="$${s#*/}" CGO_ENABLED=0 go vet ./... || exit; done
	@echo "go vet for js/wasm, of the demo and what it is made of"; GOOS=js GOARCH=wasm go vet ./app/cmd/demo $$(GOOS=js GOARCH=wasm go list -deps ./app/cmd/demo | grep ^duostoryteller/)

test: packages
	@$(MAKE) -s deps || echo "make test: goes on with what is there"
	go vet ./...
	go test -race -short -timeout 60m $$($(race))
	go run ./tests/runner -- -timeout 120m ./...

test-hearing:
	$(call tools,$(HEARING_TOOLS))
	STORYTELLER_HEARING_FULL=1 go test -count=1 -timeout 120m -v ./tests/hearing

test-voices:
	@$(MAKE) -s speech
	STORYTELLER_SCORE=1 go test -count=1 -timeout 120m -run TestScore -v ./tests/aloud

test-openings:
	STORYTELLER_OPENINGS=1 go test -count=1 -timeout 60m -v ./tests/opening

# Longer beside other work.
timeline:
	$(call tools,$(IMAGE_TOOLS) $(RUN_TOOLS))
	@$(MAKE) -s speech || echo "make timeline: without these packages nobody listens for words"
	@mkdir -p out/timeline
	STORYTELLER_TIMELINE='$(abspath out/timeline)' go test -count=1 -timeout 120m -run TestTimeline -v ./tests/boot
	cp out/timeline/timeline.svg app/speech/timeline.svg

tune-hearing:
	$(call tools,$(HEARING_TOOLS))
	STORYTELLER_HEARING_TUNE=1 go test -count=1 -timeout 120m -run TestTuned -v ./tests/hearing

soak:
	$(call tools,$(IMAGE_TOOLS) $(RUN_TOOLS) $(TEST_TOOLS))
	STORYTELLER_SOAK=1 STORYTELLER_RUNS=2 STORYTELLER_CUTS=$(or $(CUTS),1000) STORYTELLER_BOOTS=$(or $(BOOTS),20) STORYTELLER_PLUGS=$(or $(PLUGS),30) \
	go test -count=1 -timeout 300m -v -run TestNeverDies ./tests/boot

fuzz:
	@for p in $$(go list ./...); do for f in $$(go test -list '^Fuzz' $$p | grep '^Fuzz'); do \
		echo "$$p $$f" && go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(or $(FUZZTIME),10m) -fuzzminimizetime 5x $$p || exit; done; done

reproducible:
	$(call tools,$(IMAGE_TOOLS))
	STORYTELLER_REPRODUCIBLE=$(if $(KERNEL),kernel,all) go test -count=1 -timeout 120m -v ./tests/reproducible

vulncheck:
	go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 $(if $(VULNDB),-db '$(VULNDB)') ./...
	GOOS=linux GOARCH=riscv64 CGO_ENABLED=0 go build -o out/vulncheck/ ./app/cmd/...
	for p in out/vulncheck/*; do go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 $(if $(VULNDB),-db '$(VULNDB)') -mode binary "$$p" || exit; done

test-serving:
	$(call tools,$(IMAGE_TOOLS) $(RUN_TOOLS))
	STORYTELLER_SERVING=1 go test -count=1 -timeout 30m -v -run TestServing ./tests/boot

test-usb:
	$(call tools,$(IMAGE_TOOLS) $(RUN_TOOLS))
	STORYTELLER_USB=1 go test -count=1 -timeout 90m -v -run 'TestUSB$$' ./tests/boot

emulators:
	@$(emulators)

speech:
	$(call tools,$(VOICE_TOOLS) libespeak-ng-dev libsonic-dev pocketsphinx $(HEARING_TOOLS))

# The release that tests/buildroot/upstream.txt describes, and its commit, which git
# computes from all of its files.
BUILDROOT_URL    := https://gitlab.com/buildroot.org/buildroot.git
BUILDROOT_TAG    := 2026.08-rc1
BUILDROOT_COMMIT := 5e53766dec8f09daf5a06dc2ba25536e4bb63360
BUILDROOT_OUT    := $(abspath out/buildroot)
BUILDROOT_DIR     = $(abspath $(or $(BUILDROOT),out/buildroot-$(BUILDROOT_TAG)))
BUILDROOT_INPUTS  = $(strip $(if $(filter-out none,$(FIP)),--fip $(abspath $(FIP))) $(if $(MODEL),--model $(MODEL)) $(if $(TOKENIZER),--tokenizer $(abspath $(TOKENIZER))))

# Buildroot gets none of our variables, and its folders are modules of their own: Go's
# ./... goes around them.
buildroot:
	$(call tools,gcc g++ libc6-dev make patch perl git bc bison flex cpio rsync unzip wget file python3 xz-utils bzip2 ca-certificates)
	@if test -n '$(BUILDROOT)'; then test -e '$(BUILDROOT_DIR)/support/scripts/br2-external' || \
	{ echo "make buildroot: BUILDROOT=$(BUILDROOT) is no Buildroot; without it the release $(BUILDROOT_TAG) is cloned"; exit 2; }; \
	elif ! test -e '$(BUILDROOT_DIR)/Makefile'; then mkdir -p out && rm -rf '$(BUILDROOT_DIR).part' && \
	git clone -q --depth 1 --branch $(BUILDROOT_TAG) $(BUILDROOT_URL) '$(BUILDROOT_DIR).part' && \
	test "$$(git -C '$(BUILDROOT_DIR).part' rev-parse HEAD)" = $(BUILDROOT_COMMIT) && \
	echo "module buildroot" > '$(BUILDROOT_DIR).part/go.mod' && mv '$(BUILDROOT_DIR).part' '$(BUILDROOT_DIR)' || \
	{ echo "make buildroot: $(BUILDROOT_URL) does not give the release $(BUILDROOT_TAG) with the commit $(BUILDROOT_COMMIT); BUILDROOT=DIR names another Buildroot"; exit 1; }; fi
	@mkdir -p '$(BUILDROOT_OUT)' && echo "module buildroot" > '$(BUILDROOT_OUT)/go.mod'
	@test -e '$(BUILDROOT_OUT)/.config' || MAKEFLAGS= $(MAKE) -s -C '$(BUILDROOT_DIR)' O='$(BUILDROOT_OUT)' BR2_EXTERNAL='$(abspath buildroot-external)' $(BUILDROOT_ARGS) milkv_duo_storyteller_defconfig
	MAKEFLAGS= $(MAKE) -C '$(BUILDROOT_DIR)' O='$(BUILDROOT_OUT)' $(BUILDROOT_ARGS) $(if $(BUILDROOT_INPUTS),BR2_ROOTFS_POST_IMAGE_SCRIPT_ARGS='"$(BUILDROOT_INPUTS)"')
	@echo
	@echo "To write it to a card (everything on it is lost; lsblk shows which device it is):"
	@echo "    make flash DEVICE=/dev/sdX IMAGE=out/buildroot/images/storyteller.img"

# make image's folder and Buildroot's, whose cards are compared, and Buildroot's booted.
BOTH_CARDS = $(if $(WHOLE),$(abspath out) $(BUILDROOT_OUT),$(abspath $(CARDS)))

buildroot-check: $(if $(WHOLE),image buildroot)
	$(call tools,shellcheck $(if $(BUILDROOT),rsync python3-magic python3-flake8 file cpio unzip wget) \
	$(if $(BOTH_CARDS),$(sort $(RUN_TOOLS) $(TWIN_TOOLS) flite pocketsphinx pocketsphinx-en-us)))
	BUILDROOT='$(if $(BUILDROOT),$(abspath $(BUILDROOT)))' BUILDROOT_ARGS='$(BUILDROOT_ARGS)' \
	CARDS='$(BOTH_CARDS)' go test -count=1 -timeout 120m $(if $(BUILDROOT)$(BOTH_CARDS),-v) ./tests/buildroot
	$(if $(BOTH_CARDS),STORYTELLER_CARD='$(lastword $(BOTH_CARDS))/images/storyteller.img' \
	go test -count=1 -timeout 120m -v -run '^(TestGiven|TestHearing|TestTwinHears)$$' ./tests/boot)

board-test:
	@test -n '$(BOARD)$(SERIAL)' || { echo "which board? make board-test BOARD=192.168.42.1, or SERIAL=/dev/ttyUSB0"; exit 2; }
	$(IMAGEBUILDER) test $(if $(SERIAL),--serial '$(SERIAL)',--network '$(BOARD)')

# The shell gets CARD, POWER and SERIAL from make as they were typed, with all quotes.
regress:
	@$(if $(and $(CARD),$(POWER),$(SERIAL)),,echo "make regress: $(strip $(foreach v,CARD POWER SERIAL,$(if $($(v)),,$(v)=))) missing: make regress CARD=/dev/sdX POWER='uhubctl -l 1-1 -p 2 -a' SERIAL=/dev/ttyUSB0; see make help"; exit 2)
	@test -e out/storyteller.img || $(MAKE) image
	@mkdir -p out && go build -o out/imagebuilder ./imagebuilder/cmd/imagebuilder
	@out/imagebuilder regress --card "$$CARD" --power "$$POWER" --serial "$$SERIAL" $(if $(SHORT),--short) $(if $(YES),--yes)

submission:
	$(call tools,xz-utils)
	@test -e out/storyteller.img || $(MAKE) image REQUIRE_MODEL=1
	$(IMAGEBUILDER) submission $(if $(MODEL),--any-model) $(if $(URL),--url '$(URL)')

release:
	$(IMAGEBUILDER) release $(SYSTEMS)

clean:
	rm -rf out
