/* SPDX-License-Identifier: MIT */
/* peers.c - the list of peers.  Those whose library is absent at build time are left out. */
#include "peers/peers.h"

extern const struct peer peer_hmap_sweepgen, peer_hmap_leak, peer_hmap_direct, peer_hmap_immediate,
	peer_hmap_batch;
extern const struct peer peer_lfht_memb, peer_lfht_qsbr, peer_ckhs, peer_striped, peer_plain;

const struct peer *const peers[] = {
	&peer_hmap_sweepgen,  &peer_hmap_leak,	&peer_hmap_direct,
	&peer_hmap_immediate, &peer_hmap_batch,
#ifdef HAVE_URCU
	&peer_lfht_memb,      &peer_lfht_qsbr,
#endif
#if defined(HAVE_URCU) && defined(HAVE_CK)
	&peer_ckhs,
#endif
	&peer_striped,	      &peer_plain,	NULL,
};
