/* main.c - the lshm command: arguments, help, exit codes. */
#include "command.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- commands ------------------------------------------------------------ */

struct command {
	const char *name;
	enum status (*run)(const struct call *);
	const char *options; /* letters of those that it takes, beside the common ones */
	int least, most;     /* names; most < 0: any number */
	const char *arguments, *summary, *help;
};

#define NAME_HELP \
	"NAME is a POSIX shared-memory name (one leading slash and no other: /frames),\n" \
	"a file, or a saved image of a heap."

static const struct command commands[] = {
	{"create", command_create, "imp", 1, 1, "[-i SIZE] [-m SIZE] [-p MODE] NAME",
         "make a new heap",
         "Makes a heap under a name that is not taken. It appears complete or not at all.\n"
         "A heap grows by itself up to its maximum, which costs address space, not\n"
         "memory; one of at most 4 GiB can be opened by JavaScript too.\n"
         "\n"
         "  -i, --initial=SIZE   bytes that it has at first (default 1M)\n"
         "  -m, --maximum=SIZE   bytes that it may grow to (default 4G)\n"
         "  -p, --mode=MODE      permissions in octal (default 600)\n"
         "\n"
         "SIZE is a number of bytes, or of K, M, G or T (powers of 1024): 64M.\n"},
	{"ls", command_ls, "la", 0, -1, "[-l] [-a] [NAME | DIRECTORY]...",
         "list heaps, without a name those in shared memory",
         "Lists heaps with their size and how many threads are attached to each, and how\n"
         "many of these are dead and not reaped. Without a name: all heaps in shared\n"
         "memory. Of a directory: the heaps in it.\n"
         "\n"
         "  -l, --long   also walk each heap: maximum, bytes and blocks in use, health\n"
         "  -a, --all    of shared memory and directories also what is no heap\n"},
	{"info", command_info, "", 1, 1, "NAME", "show a heap's sizes, roots, names and threads",
         "Shows what is in a heap, counted by a walk through it: sizes, blocks, roots and\n"
         "names that are set, attached threads. A thread is dead if the lock is gone that\n"
         "its process held; in a saved image all are.\n"},
	{"allocs", command_allocs, "tnB", 1, 1, "[-t THREAD] [-n COUNT] [-B] NAME",
         "list the live blocks",
         "Lists the live blocks by rising offset: offset, bytes as requested, bytes taken\n"
         "with header and padding, and the thread that allocated it.\n"
         "\n"
         "  -t, --thread=N    only those that thread N allocated\n"
         "  -n, --limit=N     the first N of them\n"
         "  -B, --by-thread   one line for each thread, also for those that have\n"
         "                    left: a leak report\n"},
	{"check", command_check, "", 1, -1, "NAME...", "verify that heaps are whole",
         "Checks every invariant of each heap, live and without stopping anybody, and says\n"
         "the first that is broken (I1 to I14 of docs/LAYOUT.md) and where. What others\n"
         "change meanwhile is not taken for damage.\n"},
	{"map", command_map, "owTf", 1, 1, "[-o FILE] [-w PIXELS] [-T TITLE] [-f FORMAT] NAME",
         "draw the address space",
         "Draws a heap's address space from left to right: slabs by owner, block size and\n"
         "how full they are, spans by owner and size, what is free, the heap's own tables.\n"
         "Without -o it is drawn in characters.\n"
         "\n"
         "  -o, --output=FILE    write to FILE; - is standard output\n"
         "  -f, --format=FORMAT  text, svg or html; by default what FILE ends in\n"
         "  -w, --width=PIXELS   of the picture (280 to 8192, default 1200)\n"
         "  -T, --title=TEXT     instead of the heap's name\n"
         "\n"
         "Both svg and html stand alone, show numbers where the pointer rests, and follow\n"
         "the reader's choice of light or dark.\n"},
	{"save", command_save, "oF", 1, 1, "-o FILE [-F] NAME", "write a heap's image to a file",
         "Writes the image of a heap, which is a heap itself: this command, lshm_open and\n"
         "LocalSharedMemory.open take it. Of a heap in use it is what a crash of all its\n"
         "users at this moment would leave.\n"
         "\n"
         "  -o, --output=FILE   where to; - is standard output\n"
         "  -F, --force         replace FILE if it exists\n"},
	{"reap", command_reap, "tAF", 1, 1, "[-t THREAD] [-A] [-F] NAME",
         "recover what dead threads held",
         "Gives back what threads held that are proven dead: half-done work is finished or\n"
         "undone, their reserves serve others. Blocks that they had allocated stay live.\n"
         "\n"
         "  -t, --thread=N   only thread N\n"
         "  -A, --free       also free all blocks that it allocated\n"
         "  -F, --force      with -t: without proof. You know that it has ended; if it\n"
         "                   has not, it damages the heap\n"},
	{"rm", command_rm, "", 1, -1, "NAME...", "remove heaps",
         "Removes the names. Who has such a heap open keeps it. What is no heap is not\n"
         "removed; damaged heaps and those of another layout are.\n"},
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static const char codes_help[] =
	"Exit codes:\n"
	"   0  done; what was looked at is healthy\n"
	"   1  damaged: a heap, but an invariant is broken, its header is impossible or its\n"
	"      file is shorter than the heap\n"
	"   2  not a heap, or one of another layout\n"
	"   3  refused: no such name, no permission, not enough memory, a thread that may\n"
	"      still live; the message says which\n"
	"  64  wrong usage\n"
	"Of several heaps, the greatest.\n";

static void help_all(FILE *file)
{
	fputs("lshm looks into heaps of LocalSharedMemory, live ones too, and makes, saves and\n"
	      "removes them.\n\nUsage: lshm COMMAND [OPTION]... [NAME]...\n\n",
	      file);
	for (int i = 0; i < COMMANDS; i++)
		fprintf(file, "  %-7s %s\n", commands[i].name, commands[i].summary);
	fprintf(file,
	        "\n%s\n\nOptions of every command:\n"
	        "  -j, --json    write JSON\n"
	        "  -b, --bytes   sizes in bytes, not in KiB, MiB ...\n"
	        "  -h, --help    explain the command\n"
	        "lshm --version prints the version.\n\n"
	        "Commands that look (ls, info, allocs, check, map, save) map a heap for reading\n"
	        "only: they take no thread slot in it and disturb nobody.\n\n%s",
	        NAME_HELP, codes_help);
}

static void help_command(FILE *file, const struct command *command)
{
	fprintf(file, "lshm %s - %s\n\nUsage: lshm %s %s\n\n%s\n%s\n\n", command->name,
	        command->summary, command->name, command->arguments, command->help, NAME_HELP);
	fprintf(file,
	        "  -j, --json    write JSON\n"
	        "  -b, --bytes   sizes in bytes, not in KiB, MiB ...\n"
	        "  -h, --help    this text\n\n%s",
	        codes_help);
}

/* --- arguments ----------------------------------------------------------- */

static const struct option all_options[] = {
	{"json", no_argument, NULL, 'j'},          {"bytes", no_argument, NULL, 'b'},
	{"help", no_argument, NULL, 'h'},          {"initial", required_argument, NULL, 'i'},
	{"maximum", required_argument, NULL, 'm'}, {"mode", required_argument, NULL, 'p'},
	{"long", no_argument, NULL, 'l'},          {"all", no_argument, NULL, 'a'},
	{"thread", required_argument, NULL, 't'},  {"limit", required_argument, NULL, 'n'},
	{"by-thread", no_argument, NULL, 'B'},     {"output", required_argument, NULL, 'o'},
	{"width", required_argument, NULL, 'w'},   {"title", required_argument, NULL, 'T'},
	{"format", required_argument, NULL, 'f'},  {"force", no_argument, NULL, 'F'},
	{"free", no_argument, NULL, 'A'},
};

enum { OPTIONS = sizeof all_options / sizeof *all_options };

static const struct command *current;

static _Noreturn void usage(const char *text, const char *what)
{
	fputs("lshm", stderr);
	if (current)
		fprintf(stderr, " %s", current->name);
	fprintf(stderr, ": %s", text);
	if (what) {
		fputs(": ", stderr);
		print_text(stderr, what);
	}
	fprintf(stderr, "\nTry: lshm %s%s--help\n", current ? current->name : "",
	        current ? " " : "");
	exit(STATUS_USAGE);
}

static uint64_t parse_number(const char *text, int base, uint64_t least, uint64_t most)
{
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, base);
	if (end == text || *end || errno || strchr(text, '-') || value < least || value > most)
		usage("not a number that fits", text);
	return value;
}

/* Bytes, or a number of K, M, G or T, as in 64M, 64MB or 64MiB. */
static uint64_t parse_size(const char *text)
{
	static const char letters[] = "KMGT";
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	bool bad = end == text || errno || strchr(text, '-');
	const char *unit = *end ? strchr(letters, toupper((unsigned char)*end)) : NULL;
	if (unit) {
		int shift = 10 * (int)(unit - letters + 1);
		bad |= value > UINT64_MAX / 2 >> shift;
		value <<= shift;
		end++;
		if (*end == 'i')
			end++;
	}
	if (*end == 'B')
		end++;
	if (bad || *end || value > UINT64_MAX / 2)
		usage("not a size", text);
	return value;
}

static void take_option(struct call *call, int letter, const char *text)
{
	switch (letter) {
	case 'j':
		call->json = true;
		break;
	case 'b':
		call->bytes = true;
		break;
	case 'l':
		call->detailed = true;
		break;
	case 'a':
		call->all = true;
		break;
	case 'B':
		call->by_thread = true;
		break;
	case 'F':
		call->force = true;
		break;
	case 'A':
		call->free_all = true;
		break;
	case 'o':
		call->output = text;
		break;
	case 'T':
		call->title = text;
		break;
	case 'f':
		if (strcmp(text, "text") != 0 && strcmp(text, "svg") != 0 &&
		    strcmp(text, "html") != 0)
			usage("not a format (text, svg, html)", text);
		call->format = text;
		break;
	case 'i':
		call->initial = parse_size(text);
		break;
	case 'm':
		call->maximum = parse_size(text);
		break;
	case 'p':
		call->mode = (uint32_t)parse_number(text, 8, 1, 0777);
		break;
	case 't':
		call->thread = (uint32_t)parse_number(text, 10, 1, UINT32_MAX);
		break;
	case 'n':
		call->limit = parse_number(text, 10, 1, UINT64_MAX);
		break;
	case 'w':
		call->width = (uint32_t)parse_number(text, 10, 280, 8192);
		break;
	case 'h':
		help_command(stdout, current);
		exit(fflush(stdout) == 0 ? STATUS_DONE : STATUS_REFUSED);
	default:
		exit(STATUS_USAGE);
	}
}

/* What must go together. */
static void check_call(const struct call *call)
{
	const struct command *c = current;
	if (call->count < c->least)
		usage("a NAME is missing", NULL);
	if (c->most >= 0 && call->count > c->most)
		usage("one name too many", call->names[c->most]);
	if (c->run == command_save && !call->output)
		usage("-o FILE is missing", NULL);
	if (c->run == command_save && call->json && !strcmp(call->output, "-"))
		usage("JSON and the image cannot both go to standard output", NULL);
	if (c->run == command_map && call->json && (call->output || call->format))
		usage("--json goes without -o and -f", NULL);
	if (c->run == command_reap && call->force && !call->thread)
		usage("--force needs --thread", NULL);
}

static void parse(struct call *call, int count, char **arguments)
{
	struct option options[OPTIONS + 1] = {{0}};
	char letters[3 * OPTIONS + 1];
	size_t n = 0, l = 0;
	for (int i = 0; i < OPTIONS; i++) {
		int letter = all_options[i].val;
		if (!strchr("jbh", letter) && !strchr(current->options, letter))
			continue;
		options[n++] = all_options[i];
		letters[l++] = (char)letter;
		if (all_options[i].has_arg == required_argument)
			letters[l++] = ':';
	}
	letters[l] = 0;
	opterr = 0;
	int letter, before = optind;
	while ((letter = getopt_long(count, arguments, letters, options, NULL)) != -1) {
		if (letter == '?')
			usage("an option that is unknown or lacks its value", arguments[before]);
		take_option(call, letter, optarg);
		before = optind;
	}
	call->names = arguments + optind;
	call->count = count - optind;
	check_call(call);
}

static const struct command *find(const char *name)
{
	for (int i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/* What is not a command: --help, --version, help COMMAND. */
static void general(int count, char **arguments)
{
	const char *name = count > 1 ? arguments[1] : NULL;
	if (!name) {
		help_all(stderr);
		exit(STATUS_USAGE);
	}
	if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
		printf("lshm %s\n", lshm_version());
		exit(fflush(stdout) == 0 ? STATUS_DONE : STATUS_REFUSED);
	}
	if (strcmp(name, "--help") != 0 && strcmp(name, "-h") != 0 && strcmp(name, "help") != 0)
		usage("no such command", name);
	const struct command *command = count > 2 ? find(arguments[2]) : NULL;
	if (count > 2 && !command)
		usage("no such command", arguments[2]);
	if (command)
		help_command(stdout, command);
	else
		help_all(stdout);
	exit(fflush(stdout) == 0 ? STATUS_DONE : STATUS_REFUSED);
}

int main(int count, char **arguments)
{
	struct call call = {0};
	current = count > 1 ? find(arguments[1]) : NULL;
	if (!current)
		general(count, arguments);
	call.command = current->name;
	parse(&call, count - 1, arguments + 1);
	enum status status = current->run(&call);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "lshm: standard output: %s\n", strerror(errno));
		status = STATUS_REFUSED;
	}
	/* Behind a fault the library's own end might touch that heap again. */
	if (guard_hit())
		_exit((int)status);
	return (int)status;
}
