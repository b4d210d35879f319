/* SPDX-License-Identifier: MIT */
/* plot_scripts.c - the scripts of scripts/plots/ as strings in the binary, so that `plot` finds them
 * wherever it is started.  The assembler reads the files from the top of the tree, where make runs. */
#include "report/figure.h"

#define PLOT_SCRIPT(name)                                                                          \
	__asm__(".section .rodata\n"                                                               \
		".global plot_script_" #name "\n"                                                  \
		".type plot_script_" #name ", %object\n"                                           \
		"plot_script_" #name ":\n"                                                         \
		".incbin \"scripts/plots/" #name ".gp\"\n"                                         \
		".byte 0\n"                                                                        \
		".size plot_script_" #name ", . - plot_script_" #name "\n"                         \
		".previous\n");                                                                    \
	extern const char plot_script_##name[]

PLOT_SCRIPT(common);
PLOT_SCRIPT(curves);
PLOT_SCRIPT(rects);
PLOT_SCRIPT(timeline);
PLOT_SCRIPT(heatmap);
PLOT_SCRIPT(pareto);

const char *figure_script_common(void)
{
	return plot_script_common;
}

const char *figure_script_text(enum figure_script script)
{
	static const char *const texts[FIGURE_N_SCRIPTS] = {
		[FIGURE_CURVES] = plot_script_curves,	  [FIGURE_RECTS] = plot_script_rects,
		[FIGURE_TIMELINE] = plot_script_timeline, [FIGURE_HEATMAP] = plot_script_heatmap,
		[FIGURE_PARETO] = plot_script_pareto,
	};

	return texts[script];
}
