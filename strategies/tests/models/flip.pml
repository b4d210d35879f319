/* SPDX-License-Identifier: MIT */
/* flip.pml - the flip of sweepgen: when may what was retired be freed?
 *
 * N mutators share one link to one of M objects.  Each does a few operations, reading through the link or replacing
 * the object it points to (unlink, then retire into the half of the dead bits that the generation names), with a
 * safepoint between operations; it may go offline and come back.  The collector flips and sweeps a few times.
 * An object that is freed while somebody holds a reference to it violates `assert(!freed[...])` at its use.
 *
 *   -DRAGGED           no parking: generation advanced first, then each thread acknowledges at a safepoint
 * Broken on purpose, each must give an error:
 *   -DSKIP_ONE         the handshake does not wait for mutator 0
 *   -DLATE_ONLINE      a thread that comes back reads before it looks whether the world is stopped
 *   -DGEN_BEFORE_UNLINK  (ragged) the generation is read before the unlink, as without the full fence
 *   -DONE_HALF         dead bits not double-buffered: the sweep takes what is retired after the flip too
 *   -DSTALE_PARKED     a thread that was parked leaves without looking for another stop
 *   -DTIMEOUT_FREES    a stop that is given up frees all the same
 */
#ifndef N
#define N 2
#endif
#define M 4
#define N_OPS 3
#define N_FLIPS 2
#define NONE 255

byte link = 0;		/* the object the shared link points to */
bool used[M];		/* each object is used once */
bool freed[M];		/* reusable */
bool dead0[M];		/* dead bits, half 0 */
bool dead1[M];		/* dead bits, half 1 */
byte generation = 0;
bool stop = false;	/* parked: the world is asked to stop */
bool parked[N];
bool offline[N];
byte acknowledged[N];	/* ragged: the generation a thread has passed a safepoint in */

inline safepoint(i) {
#ifdef RAGGED
	acknowledged[i] = generation;
#else
	/* Look again after leaving: a collector that stops the world once more may have taken the old `parked` for
	 * the new one; it is right to, if this thread then goes back. */
	do
	:: stop ->
		parked[i] = true;
		!stop;
		parked[i] = false;
#ifdef STALE_PARKED
		break
#endif
	:: else -> break
	od
#endif
}

inline come_back(i) {
#ifdef LATE_ONLINE
	offline[i] = false
#elif defined(RAGGED)
	/* acknowledge while still offline: nothing is held */
	acknowledged[i] = generation;
	offline[i] = false;
	acknowledged[i] = generation
#else
	/* online first, then look: the collector either sees us online and waits, or we see the stop */
	do
	:: offline[i] = false;
	   if
	   :: stop -> offline[i] = true; !stop
	   :: else -> break
	   fi
	od
#endif
}

inline retire(o, g) {
#ifdef ONE_HALF
	dead0[o] = true
#else
	if
	:: (g % 2) == 0 -> dead0[o] = true
	:: else -> dead1[o] = true
	fi
#endif
}

proctype Mutator(byte i) {
	byte n = 0, ref, new, g;
	do
	:: n < N_OPS ->
		if
		:: /* read */
			ref = link;
			assert(!freed[ref]);
			assert(!freed[ref]);
			ref = NONE
		:: /* replace by a fresh object: each object is used once, so a reuse shows as freed */
			d_step {
				new = 0;
				do
				:: new < M && (new == link || freed[new] || dead0[new] || dead1[new] || used[new]) -> new++
				:: else -> break
				od;
				if :: new < M -> used[new] = true :: else fi
			}
			if
			:: new < M ->
#ifdef GEN_BEFORE_UNLINK
				g = generation;
#endif
				d_step { ref = link; link = new }
#ifndef GEN_BEFORE_UNLINK
				g = generation;
#endif
				assert(!freed[ref]);
				retire(ref, g);
				ref = NONE
			:: else
			fi
		:: /* wait somewhere */
			offline[i] = true;
			come_back(i);
#ifdef LATE_ONLINE
			ref = link;
			assert(!freed[ref]);
			assert(!freed[ref]);
			ref = NONE;
#endif
		fi;
		safepoint(i);
		n++
	:: else -> break
	od;
	offline[i] = true
}

inline sweep_half(half) {
	byte o = 0;
	do
	:: o < M ->
#ifdef ONE_HALF
		if :: dead0[o] -> dead0[o] = false; freed[o] = true :: else fi;
#else
		if
		:: half == 0 && dead0[o] -> dead0[o] = false; freed[o] = true
		:: half == 1 && dead1[o] -> dead1[o] = false; freed[o] = true
		:: else
		fi;
#endif
		o++
	:: else -> break
	od;
	o = 0
}

proctype Collector() {
	byte f = 0, i, half;
	bool given_up;
	do
	:: f < N_FLIPS ->
		given_up = false;
		half = generation % 2;
#ifdef RAGGED
		generation++;
		i = 0;
		do
		:: i < N ->
#ifdef SKIP_ONE
			if :: i == 0 -> i++; :: else fi;
#endif
			(acknowledged[i] == generation || offline[i]);
			i++
		:: else -> break
		od;
#else
		stop = true;
		i = 0;
		do
		:: i < N ->
#ifdef SKIP_ONE
			if :: i == 0 -> i++; :: else fi;
#endif
			if
			:: (parked[i] || offline[i])
			:: true -> given_up = true /* the limit passes first */
			fi;
			i++
		:: else -> break
		od;
		if
		:: !given_up -> generation++
		:: else
		fi;
		stop = false;
#endif
#ifdef TIMEOUT_FREES
		sweep_half(half);
#else
		if
		:: !given_up -> sweep_half(half)
		:: else
		fi;
#endif
		f++
	:: else -> break
	od
}

init {
	atomic {
		used[0] = true;
		byte i = 0;
		do
		:: i < N -> run Mutator(i); i++
		:: else -> break
		od;
		run Collector()
	}
}
