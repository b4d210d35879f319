/* SPDX-License-Identifier: MIT */
/* fuzz_merge.c - bytes as the matrix.json of a folder that is merged: refused, or a run.csv of the one cell that is
 * finished there. */
#include "tests/fuzz/fuzz_dir.h"

#include "cli.h"

extern const struct cli_command cmd_merge;

#define CELL "cells/0123456789abcdef-0001/"

static const char rows[] =
	"schema,run_id,build_id,env_id,cell_id,strategy,options,scenario,threads,keys,mix,dist,"
	"value_bytes,garbage_bytes,unlink,alloc,arrival,trace,seed,rep,stage,stage_s,"
	"offered_ops_per_s,role,object,phase,table_state,metric,stat,value,unit,better,n,"
	"sampled_1_in,status,reason\n"
	"1,r,b,e,c,leak,,s,1,16,50/25/25,uniform,64,4096,empty,span,poisson,,1,1,max,5,,mutator,"
	"all,,all,throughput,rate,1000,ops/s,higher,1,1,ok,\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char folder[64], out[64], name[] = "merge";
	char *argv[] = {name, folder, out, NULL};
	bool is_there;
	int code;

	if (fuzz_dir_make()) {
		fuzz_dir_folder("part");
		fuzz_dir_folder("part/cells");
		fuzz_dir_folder("part/" CELL);
		fuzz_dir_fill("part/" CELL "run.csv", rows, sizeof(rows) - 1);
		fuzz_dir_fill("part/" CELL "result.json", "{}", 2);
		fuzz_dir_fill("part/" CELL "env.json", "{}", 2);
	}
	fuzz_dir_fill("part/matrix.json", data, size);
	snprintf(folder, sizeof(folder), "%s/part", fuzz_dir_path);
	snprintf(out, sizeof(out), "--out=%s/out", fuzz_dir_path);
	code = cmd_merge.main(3, argv);
	FUZZ_CHECK(code == EXIT_GOOD || code == EXIT_USAGE || code == EXIT_CHECK_FAILED);
	is_there = !access(fuzz_dir_name("out/run.csv"), F_OK);
	FUZZ_CHECK(is_there == (code == EXIT_GOOD));
	if (!access(fuzz_dir_name("out"), F_OK))
		FUZZ_CHECK(!matrix_remove_tree(fuzz_dir_name("out")));
	return 0;
}
