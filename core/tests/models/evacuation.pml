/* SPDX-License-Identifier: MIT */
/* evacuation.pml - a lock-free reader against evacuation, and against reuse of a cell (hmap_internal.h, READERS and
 * EVACUATION).
 *
 * One old bucket of one cell with one overflow bucket of one cell; key K stands in either of them, with value 1, and is
 * in the map all the time: the reader must find it, with that value.  When K stands in the overflow bucket, the head
 * may hold another key K2 of the same tophash (value 2).  The evacuator copies K (what becomes of K2 does not matter
 * here), marks, and clears.
 *
 * -DREUSE: the other half of the argument.  A writer deletes K, puts K2 (value 2) into the same cell, deletes it, puts K
 * (value 1) back; a reader that looks for K may miss, but must never return 2.
 *
 * Broken on purpose, each must give an error:
 *   -DMARK_FIRST     the head's mark is published before the copy is complete
 *   -DOVERFLOW_FIRST the overflow bucket is marked before the head, and the reader rechecks only the head
 *   -DNO_RECHECK     the reader does not recheck the head after a miss
 *   -DCLEAR_NO_VERSION  cells are cleared after the mark without another version (payload mode)
 *   -DNO_VERSION     (with REUSE) the reader does not compare versions
 *   -DLATE_VERSION   (with REUSE) the version is advanced after the cell was rewritten
 */
#define EMPTY 0
#define FILLED 1
#define EVACUATED 2
#define K 0 /* what a cleared cell's key reads as: the hardest key to look for */
#define K2 8
#define AGAIN 99 /* a look's answer: the version changed */

/* old head, old overflow, new bucket: state of the tophash, key, value */
byte head_top, head_key, head_value;
byte over_top, over_key, over_value;
byte new_top, new_key, new_value;
byte version = 0;
bool over_linked = true;

proctype Evacuator() {
	byte key, value;
	version++; /* the lock */
#ifdef MARK_FIRST
	head_top = EVACUATED;
#endif
	if
	:: head_key == K && head_value == 1 -> key = head_key; value = head_value
	:: else -> key = over_key; value = over_value
	fi;
	new_key = key;
	new_value = value;
	new_top = FILLED;
#ifdef OVERFLOW_FIRST
	over_top = EVACUATED;
#endif
#ifndef MARK_FIRST
	head_top = EVACUATED;
#endif
	over_top = EVACUATED;
#ifndef CLEAR_NO_VERSION
	version++;
#endif
	head_key = 0;
	head_value = 0;
	over_linked = false
}

/* Looks at one bucket; result: 0 miss, else the value. */
inline look(top, key, value, result, v1) {
	t = top;
	result = 0;
	if
	:: t == FILLED ->
		if
		:: key == K ->
			result = value;
#ifndef NO_VERSION
			if
			:: version != v1 -> result = AGAIN
			:: else
			fi
#endif
		:: else
		fi
	:: else
	fi
}
proctype Reader() {
	byte t, v1 = 0, result;
again:
	result = 0;
	if
	:: head_top == EVACUATED -> goto new_table
	:: else
	fi;
	v1 = version;
	look(head_top, head_key, head_value, result, v1);
	if
	:: result == AGAIN -> goto again
	:: result != 0 && result != AGAIN -> goto check
	:: else
	fi;
	if
	:: over_linked ->
		look(over_top, over_key, over_value, result, v1);
		if
		:: result == AGAIN -> goto again
		:: result != 0 && result != AGAIN -> goto check
		:: else
		fi
	:: else
	fi;
#ifndef NO_RECHECK
	if
	:: head_top == EVACUATED -> goto new_table
	:: else
	fi;
#endif
	goto check;
new_table:
	look(new_top, new_key, new_value, result, version);
check:
#ifdef REUSE
	assert(result != 2);
#else
	assert(result == 1);
#endif
}

inline replace(k, v) {
#ifndef LATE_VERSION
	version++;
#endif
	head_key = k;
	head_value = v;
	head_top = FILLED;
#ifdef LATE_VERSION
	version++
#endif
}

proctype Writer() {
	head_top = EMPTY;
	replace(K2, 2);
	head_top = EMPTY;
	replace(K, 1)
}

init {
	atomic {
#ifdef REUSE
		head_top = FILLED; head_key = K; head_value = 1;
		over_top = EMPTY;
		run Writer();
		run Reader()
#else
		if
		:: head_top = FILLED; head_key = K; head_value = 1; over_top = EMPTY
		:: head_top = EMPTY; head_key = K2; over_top = FILLED; over_key = K; over_value = 1
		:: head_top = FILLED; head_key = K2; head_value = 2;
		   over_top = FILLED; over_key = K; over_value = 1
		fi;
		run Evacuator();
		run Reader()
#endif
	}
}
