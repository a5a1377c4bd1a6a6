/* quantc runtime: loads a compiled artifact (model.qc) and runs it. C11 and C++17.
 *
 * A qc_model is an open artifact: read-only after qc_model_open, it may be shared by sessions of several threads. A qc_session is one
 * sequence of tokens with its KV cache; it is used by one thread at a time. After qc_session_create nothing is allocated.
 * A model that keeps nothing from step to step and gives no rows of output (an encoder) takes a whole sequence in one step: every step then begins
 * at position 0.
 * A model with an encoder and a decoder encodes a sequence first (qc_session_encode); the steps are the decoder's.
 * Every function that can fail returns a qc_status; where a qc_error is taken it may be NULL, and it is written only on failure. Options and reserved fields
 * that are not used are 0: `qc_model_options options = {0}`.
 * Steps, encodings and samplers compute in the default floating-point mode (to nearest, with subnormal numbers), whatever the caller's is, which they
 * restore. */
#ifndef QUANTC_RUNTIME_H
#define QUANTC_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Version of this interface: the major number changes when a caller has to, the minor one when something is added. */
#define QC_API_VERSION_MAJOR 1
#define QC_API_VERSION_MINOR 1
#define QC_API_VERSION (QC_API_VERSION_MAJOR * 1000 + QC_API_VERSION_MINOR)
/* QC_API_VERSION of the library that is linked. */
uint32_t qc_api_version(void);

typedef enum qc_status {
  QC_OK = 0,
  /* 0x1_: the file. */
  QC_ERROR_OPEN = 0x10,         /* the file cannot be opened or mapped */
  QC_ERROR_FORMAT = 0x11,       /* not an artifact, cut short, or its bytes are not those that the compiler wrote */
  QC_ERROR_VERSION = 0x12,      /* an artifact of a newer format */
  QC_ERROR_ARCHITECTURE = 0x13, /* no code for this processor */
  /* 0x2_: the caller. */
  QC_ERROR_ARGUMENT = 0x20, /* an argument outside of what the function documents */
  QC_ERROR_CONTEXT = 0x21,  /* more positions than the artifact's context */
  /* 0x3_: the machine. */
  QC_ERROR_MEMORY = 0x30, /* memory could not be had */
  QC_ERROR_THREAD = 0x31, /* a thread could not be started */
  QC_ERROR_KERNEL = 0x32  /* a kernel gave up; the outputs of the step are not valid */
} qc_status;

/* What went wrong, in words: what, expected and actual; how to fix. Always NUL-terminated. */
typedef struct qc_error {
  char message[512];
} qc_error;

typedef struct qc_model qc_model;
typedef struct qc_session qc_session;

typedef struct qc_model_options {
  /* Name of the code variant to run ("avx2", "sse41", "dotprod", ...); NULL takes the best one that the processor can run. */
  const char* variant;
  /* Non-zero: check the SHA-256 of every segment while opening (reads the whole file). The header and the code that will run are always checked. */
  int verify_segments;
  uint64_t reserved[4]; /* for later versions: 0 */
} qc_model_options;

/* Maps the artifact at `path` and checks every offset in it. `options` may be NULL. `*out_model` is released with qc_model_close. */
qc_status qc_model_open(const char* path, const qc_model_options* options, qc_model** out_model, qc_error* error);
void qc_model_close(qc_model* model);

typedef struct qc_model_info {
  const char* name;        /* owned by the model, as all strings here */
  const char* variant;     /* the code variant that will run */
  uint32_t context;        /* positions at most */
  uint32_t max_sequence;   /* tokens per step at most */
  uint32_t max_outputs;    /* rows of output per step at most; 0 where the model gives no rows */
  uint32_t max_source;     /* positions of an encoded sequence at most; 0 where the model encodes none */
  uint32_t vocabulary;     /* logits per position; 0 where the model gives no rows of logits */
  uint32_t logits_stride;  /* floats from one row of logits to the next, at least `vocabulary` */
  uint64_t arena_bytes;    /* allocated per session: activations, KV cache, inputs, outputs */
  uint64_t resident_bound; /* what quantc-run keeps resident at most with one thread, docs/artifact.md says what that covers */
  uint64_t file_bytes;
  uint64_t reserved[4]; /* for later versions: 0 */
} qc_model_info;
qc_status qc_model_get_info(const qc_model* model, qc_model_info* out_info);

/* The verified FlatBuffer header (schema/artifact.fbs), for tools that read more than qc_model_info says. Owned by the model. */
const void* qc_model_header(const qc_model* model, size_t* out_bytes);

typedef struct qc_session_options {
  /* 0: one for each performance core that this process may use, within the time that its control group has. Cores are performance cores by what
   * the system tells of them: at least half of the largest capacity, or four fifths of the highest frequency. */
  uint32_t threads;
  /* Where there are slower cores too, the session's threads are kept to the performance cores if they are enough; the calling thread never is.
   * Non-zero: they are not. */
  int leave_placement;
  uint64_t reserved[4]; /* for later versions: 0 */
} qc_session_options;

/* `options` may be NULL. The model must outlive the session. */
qc_status qc_session_create(const qc_model* model, const qc_session_options* options, qc_session** out_session, qc_error* error);
void qc_session_destroy(qc_session* session);

/* Tokens processed so far; the next one gets this position. Always 0 for an encoder. */
uint32_t qc_session_position(const qc_session* session);
/* Forgets all positions from `position` on. QC_ERROR_ARGUMENT when it is beyond the present one. 0 starts a new sequence. */
qc_status qc_session_truncate(qc_session* session, uint32_t position);

/* Which rows of output a step computes. */
typedef enum qc_rows { QC_ROWS_NONE = 0, QC_ROWS_LAST = 1, QC_ROWS_ALL = 2 } qc_rows;

/* Runs `count` tokens (1 to max_sequence) that follow those already seen; QC_ROWS_ALL takes at most max_outputs. On success `*out_logits` points
 * to float32 [rows, vocabulary] with logits_stride floats from row to row, rows being 0, 1 or `count`, owned by the session and valid until its
 * next step. `out_logits` may be NULL. `tokens` may be NULL: the inputs are then those set with qc_session_set_input. */
qc_status qc_session_step(qc_session* session, const int32_t* tokens, uint32_t count, qc_rows rows, const float** out_logits,
                          qc_error* error);

/* 0 where a logit of the last step is an infinity or not a number, as overflow or damaged weights give; otherwise 1. Reads all of its logits. */
int qc_session_is_finite(const qc_session* session);

/* For a model with an encoder: encodes `count` positions (1 to max_source) of the inputs that were set with qc_session_set_input, and begins a new
 * sequence of steps, all of which see what was encoded until the next encoding. An encoder's input of tokens is called input_ids. What an input
 * holds per position is in its shape (encode_inputs of the artifact's header). Without an encoding, qc_session_step gives QC_ERROR_ARGUMENT. */
qc_status qc_session_encode(qc_session* session, uint32_t count, qc_error* error);

/* Access by name, for models whose inputs are not tokens alone. Data are dense, of the port's element type and its shape in the step (the
 * artifact's header has both); only logits have logits_stride floats from row to row.
 * set_input copies `bytes`, at most those of the largest step; an input that was never set is zeros, a padding mask (1: a token, 0: padding) ones.
 * What was set stays for the steps that follow. get_output points into the session: valid until its next step. */
qc_status qc_session_set_input(qc_session* session, const char* name, const void* data, size_t bytes, qc_error* error);
qc_status qc_session_get_output(const qc_session* session, const char* name, const void** out_data, size_t* out_bytes, qc_error* error);

/* What a thread did in a step: a piece of a call. Times are nanoseconds of CLOCK_MONOTONIC. */
typedef struct qc_event {
  uint64_t begin_ns, end_ns;
  uint32_t call;       /* calls run in ascending order, each when the one before is done */
  uint32_t thread;     /* 0: the thread that called qc_session_step; below qc_session_threads */
  uint32_t first_unit; /* of the call's units, and how many */
  uint32_t units;
} qc_event;

uint32_t qc_session_threads(const qc_session* session);
/* resident_bound with this session's threads, in bytes. */
uint64_t qc_session_resident_bound(const qc_session* session);
/* How many events a step makes at most. */
size_t qc_session_events_per_step(const qc_session* session);
/* From now on every step writes its events to `events`, from its beginning on and in no order; there must be room for
 * qc_session_events_per_step of them until another place, or NULL for none, is given. */
void qc_session_record(qc_session* session, qc_event* events);
/* Events of the last step. */
size_t qc_session_event_count(const qc_session* session);

typedef struct qc_call_info {
  const char* name;       /* the node of the model it came from; owned by the model, as all strings here */
  const char* kernel;     /* symbol of the kernel that ran */
  const char* family;     /* its family */
  uint64_t bytes;         /* read and written by the call in the last step, everything once: weights, activations, KV cache */
  uint64_t multiply_adds; /* of matrix products and attention in the last step */
  uint32_t stage;         /* calls of one stage do not depend on each other and run at the same time */
} qc_call_info;
/* A call as it was in the session's last step. QC_ERROR_ARGUMENT when there is no such call. */
qc_status qc_session_get_call(const qc_session* session, uint32_t call, qc_call_info* out_info);

/* SHA-256, incremental: a tool of the runtime that its callers may use too. */
typedef struct qc_sha256 {
  uint32_t state[8];
  uint64_t bytes;
  uint8_t block[64];
} qc_sha256;
void qc_sha256_begin(qc_sha256* hash);
void qc_sha256_add(qc_sha256* hash, const void* data, size_t bytes);
void qc_sha256_end(qc_sha256* hash, uint8_t out_digest[32]);

#ifdef __cplusplus
}
#endif
#endif
