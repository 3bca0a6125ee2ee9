/* The door of the runtime: load a compiled module, run sequences, sample
 * tokens. Part of Sennit, under the Apache License v2.0 with LLVM Exceptions.
 * See LICENSE.
 *
 *   sennit_module *module;
 *   sennit_context *context;
 *   sennit_error error;
 *   if (sennit_module_load("model.snt", NULL, &module, &error))
 *     return fprintf(stderr, "%s\n", error.message), 1;
 *   sennit_context_create(module, &context, &error);
 *   sennit_context_prefill(context, prompt, count, logits, &error);
 *   sennit_context_decode(context, token, logits, &error);
 *
 * A module that is no language model has entries of its own, which are called
 * by number with buffers: see "Entries".
 *
 * Errors. Every function that can refuse returns a `sennit_status` and, where
 * it is not zero, writes one sentence into |out_error|, which the caller owns
 * and which may be NULL. On an error every other out parameter that is a handle
 * is NULL, and nothing else has changed. Nothing here aborts or throws.
 *
 * Threads. A module may be used from any number of threads at once. A context
 * and a sampler belong to one thread at a time: calls on the same one must not
 * overlap, but may come from different threads. Contexts of one module share
 * its worker threads; where two run at once, one of them has the workers and
 * the other computes on its calling thread alone.
 *
 * Trust. A module is native code. Its hashes prove that it is whole, not that
 * it is good: load only what may run with the rights of the process. The files
 * must not be written to while `sennit_module_load` reads them.
 */
#ifndef SENNIT_RUNTIME_H
#define SENNIT_RUNTIME_H

#include <stdint.h>

#if defined(__GNUC__)
#define SENNIT_API __attribute__((visibility("default")))
#else
#define SENNIT_API
#endif

/* major << 16 | minor << 8 | patch of this header. */
#define SENNIT_RUNTIME_VERSION 0x000100
/* Bytes of an error message with its terminating zero; longer ones are cut. */
#define SENNIT_ERROR_BYTES 1024

#ifdef __cplusplus
extern "C" {
#endif

/* Compiled code and its constants: immutable once loaded. */
typedef struct sennit_module sennit_module;
/* One sequence: its state, its position and the memory to extend it. */
typedef struct sennit_context sennit_context;
/* Chooses tokens from logits. */
typedef struct sennit_sampler sennit_sampler;

/* Values are stable across versions; new ones may be added. */
typedef enum sennit_status {
  SENNIT_STATUS_OK = 0,
  /* An argument is outside what the function's description permits. */
  SENNIT_STATUS_INVALID_ARGUMENT = 1,
  /* A file could not be opened, mapped or read. */
  SENNIT_STATUS_IO = 2,
  /* The artifact's container, manifest or code is malformed. */
  SENNIT_STATUS_MALFORMED = 3,
  /* Bytes differ from those that were compiled: hash, checksum or size. */
  SENNIT_STATUS_INTEGRITY = 4,
  /* A version, processor feature or entry that is not there. */
  SENNIT_STATUS_UNSUPPORTED = 5,
  /* The sequence would exceed the module's context length. */
  SENNIT_STATUS_CONTEXT_FULL = 6,
  /* Memory or threads were refused by the system. */
  SENNIT_STATUS_OUT_OF_MEMORY = 7,
  /* Logits from which nothing can be chosen: NaN, +infinity, all -infinity. */
  SENNIT_STATUS_NUMERICAL = 8,
  /* Generated code and runtime disagree: a defect of Sennit. */
  SENNIT_STATUS_INTERNAL = 9
} sennit_status;

typedef struct sennit_error {
  /* Zero-terminated; control characters are replaced by '?'. */
  char message[SENNIT_ERROR_BYTES];
} sennit_error;

/* The status's name in lower case, such as "context full"; static, never
 * NULL. */
SENNIT_API const char *sennit_status_name(sennit_status status);

/* SENNIT_RUNTIME_VERSION and SENNIT_ABI_VERSION of the library that runs, which
 * may differ from those of the header that was compiled against. */
SENNIT_API uint32_t sennit_runtime_version(void);
SENNIT_API uint32_t sennit_runtime_abi_version(void);

/* --- Modules ------------------------------------------------------------- */

/* Do not bind worker threads to processors (they are bound only when the module
 * uses every processor that the process may run on). */
#define SENNIT_LOAD_NO_PINNING 1u
/* Trust the weight files' bytes (their sizes are still checked); code is
 * verified always. For repeated loads of the same large local files. */
#define SENNIT_LOAD_SKIP_WEIGHT_HASHES 2u
/* Pass over programs for devices: of several the first for a processor. */
#define SENNIT_LOAD_NO_DEVICE 4u

/* Zero-initialise, set |size|, then what is wanted. */
typedef struct sennit_load_options {
  /* sizeof(sennit_load_options) */
  uint32_t size;
  /* SENNIT_LOAD_* */
  uint32_t flags;
  /* Threads that compute, with the calling one; 0: all online processors that
   * the process may run on. At most 1024. */
  uint32_t threads;
  uint32_t reserved;
} sennit_load_options;

/* Loads the artifact at |path|, checks every hash, maps its weights, packs them
 * into the module's constants and unmaps them. Of several programs it takes the
 * first that this machine can run. |options| may be NULL. The caller owns
 * |*out_module|. The message names the file, section or tensor at fault and
 * what was expected. */
SENNIT_API sennit_status sennit_module_load(const char *path,
                                            const sennit_load_options *options,
                                            sennit_module **out_module,
                                            sennit_error *out_error);

/* Gives up the caller's |module|, which may be NULL. Its memory and threads go
 * when its last context and sampler are destroyed, which stay usable. */
SENNIT_API void sennit_module_destroy(sennit_module *module);

/* Strings and arrays belong to the module. */
typedef struct sennit_module_info {
  /* sizeof(sennit_module_info), set by the caller. */
  uint32_t size;
  uint32_t abi_version;
  const char *producer;
  /* The machine that it was compiled for. */
  const char *machine;
  const char *isa;
  /* Of a language model; "" and zeros to |has_score| where the module is none.
   */
  const char *architecture;
  /* Tokens are 0 to |vocabulary| - 1; logits have |vocabulary| values. */
  int64_t vocabulary;
  /* Most tokens that a context can hold. */
  int64_t context_length;
  /* Most tokens that one call of the prefill entry takes; longer prompts are
   * split by `sennit_context_prefill`. */
  int64_t max_tokens;
  /* 1 where token n is the byte n, else 0. */
  uint32_t byte_level;
  /* 1 where `sennit_context_score` works, else 0. */
  uint32_t has_score;
  const int64_t *end_of_text;
  uint64_t end_of_text_count;
  uint64_t kernel_count;
  /* Threads that compute, with the calling one. */
  uint64_t threads;
  /* Bytes of memory: constants once a module, state and arena once a context,
   * scratch once a thread. */
  uint64_t constants_bytes;
  uint64_t state_bytes;
  uint64_t arena_bytes;
  uint64_t scratch_bytes;
  uint64_t code_bytes;
  /* Bytes of the artifact's file, and of all weight files, embedded or not. */
  uint64_t artifact_file_bytes;
  uint64_t weight_file_bytes;
  /* Most tokens of `sennit_context_verify`; 0 where the module has none. */
  int64_t verify_tokens;
} sennit_module_info;

/* Fills the first |out_info->size| bytes of |*out_info|. */
SENNIT_API sennit_status sennit_module_get_info(const sennit_module *module,
                                                sennit_module_info *out_info,
                                                sennit_error *out_error);

/* --- Contexts ------------------------------------------------------------ */

/* Creates an empty sequence and all the memory that it will use: no later call
 * on a context allocates, unless it refuses. The caller owns |*out_context|,
 * which keeps |module| alive. */
SENNIT_API sennit_status sennit_context_create(sennit_module *module,
                                               sennit_context **out_context,
                                               sennit_error *out_error);

/* |context| may be NULL. */
SENNIT_API void sennit_context_destroy(sennit_context *context);

/* Forgets the sequence: position 0 and a state of zeros. */
SENNIT_API void sennit_context_reset(sennit_context *context);

/* Tokens consumed so far. */
SENNIT_API int64_t sennit_context_position(const sennit_context *context);

/* Appends |count| >= 1 tokens and writes the logits that follow the last one
 * into |out_logits|, f32[vocabulary], which may be NULL. Refuses without a
 * change where a token is outside the vocabulary or the context too short. */
SENNIT_API sennit_status sennit_context_prefill(sennit_context *context,
                                                const int32_t *tokens,
                                                int64_t count,
                                                float *out_logits,
                                                sennit_error *out_error);

/* Appends one token and writes the logits that follow it, as above. */
SENNIT_API sennit_status sennit_context_decode(sennit_context *context,
                                               int32_t token, float *out_logits,
                                               sennit_error *out_error);

/* Appends |count| >= 1 tokens and writes the logits that follow each of them
 * into |out_logits|, f32[count, vocabulary], row-major, not NULL. */
SENNIT_API sennit_status sennit_context_score(sennit_context *context,
                                              const int32_t *tokens,
                                              int64_t count, float *out_logits,
                                              sennit_error *out_error);

/* --- Entries ------------------------------------------------------------- */

/* What a tensor's elements are. A bool is a byte, 0 or 1; of two elements of 4
 * bits in a byte the low one is first. */
typedef enum sennit_element {
  SENNIT_ELEMENT_F64 = 1,
  SENNIT_ELEMENT_F32 = 2,
  SENNIT_ELEMENT_F16 = 3,
  SENNIT_ELEMENT_BF16 = 4,
  SENNIT_ELEMENT_I64 = 5,
  SENNIT_ELEMENT_I32 = 6,
  SENNIT_ELEMENT_I16 = 7,
  SENNIT_ELEMENT_I8 = 8,
  SENNIT_ELEMENT_U64 = 9,
  SENNIT_ELEMENT_U32 = 10,
  SENNIT_ELEMENT_U16 = 11,
  SENNIT_ELEMENT_U8 = 12,
  SENNIT_ELEMENT_BOOL = 13,
  SENNIT_ELEMENT_I4 = 14,
  SENNIT_ELEMENT_U4 = 15,
  SENNIT_ELEMENT_F8E4M3 = 16,
  SENNIT_ELEMENT_F8E5M2 = 17
} sennit_element;

/* The extent of a dimension that is as long as the call has tokens. */
#define SENNIT_EXTENT_TOKENS (-1)

typedef struct sennit_entry_info {
  /* sizeof(sennit_entry_info), set by the caller. */
  uint32_t size;
  /* 1 where a call reads and updates the context's state, so that its tokens
   * extend the sequence; else 0. */
  uint32_t uses_state;
  /* Belongs to the module, as do the strings and arrays below. */
  const char *name;
  /* Most tokens of one call; 0 where no tensor has an extent of tokens. */
  int64_t max_tokens;
  uint64_t input_count;
  uint64_t output_count;
} sennit_entry_info;

typedef struct sennit_tensor_info {
  /* sizeof(sennit_tensor_info), set by the caller. */
  uint32_t size;
  sennit_element element;
  const char *name;
  /* |rank| extents, the first of which may be SENNIT_EXTENT_TOKENS; elements
   * lie in row-major order without gaps. */
  const int64_t *shape;
  uint64_t rank;
  /* Of the whole tensor; of one token where the first extent is tokens. */
  uint64_t bytes;
} sennit_tensor_info;

/* Entries that can be called: 0 to the count - 1, in the artifact's order. A
 * language model's are among them. */
SENNIT_API uint64_t sennit_module_entry_count(const sennit_module *module);

/* The number of the entry called |name|. */
SENNIT_API sennit_status sennit_module_find_entry(const sennit_module *module,
                                                  const char *name,
                                                  uint64_t *out_entry,
                                                  sennit_error *out_error);

/* Each fills the first |out_info->size| bytes of |*out_info|. */
SENNIT_API sennit_status sennit_module_get_entry(const sennit_module *module,
                                                 uint64_t entry,
                                                 sennit_entry_info *out_info,
                                                 sennit_error *out_error);
SENNIT_API sennit_status sennit_module_get_input(const sennit_module *module,
                                                 uint64_t entry, uint64_t index,
                                                 sennit_tensor_info *out_info,
                                                 sennit_error *out_error);
SENNIT_API sennit_status sennit_module_get_output(const sennit_module *module,
                                                  uint64_t entry,
                                                  uint64_t index,
                                                  sennit_tensor_info *out_info,
                                                  sennit_error *out_error);

/* Memory of the caller for one input or output: aligned to its elements, and of
 * exactly |bytes| bytes. |data| may be NULL where |bytes| is 0. */
typedef struct sennit_buffer {
  void *data;
  uint64_t bytes;
} sennit_buffer;

/* Calls an entry: inputs are read, outputs are written, in the order of the
 * entry's description; they must not overlap. Where the entry has tokens, their
 * number follows from the buffers' sizes, which must agree. Refuses without a
 * change where a number or a size is not what the description says, where a
 * token is outside the vocabulary, or where the sequence grows too long. */
SENNIT_API sennit_status sennit_context_call(
    sennit_context *context, uint64_t entry, const sennit_buffer *inputs,
    uint64_t input_count, const sennit_buffer *outputs, uint64_t output_count,
    sennit_error *out_error);
/* Offers 1 <= |count| <= `sennit_module_info.verify_tokens` tokens and writes
 * the logits that follow each of them into |out_logits|, f32[count,
 * vocabulary]. They are appended; until the next call that appends tokens,
 * `sennit_context_accept` can take a tail of them back. For speculative
 * decoding (Leviathan et al., 2023): draft, verify, accept. */
SENNIT_API sennit_status sennit_context_verify(sennit_context *context,
                                               const int32_t *tokens,
                                               int64_t count, float *out_logits,
                                               sennit_error *out_error);

/* Keeps the first |count| >= 0 of the tokens that the last call, a verify,
 * offered, and forgets the others: later results are those of a context that
 * never saw them. Caches of attention cost nothing here. A recurrent state is
 * put back as it was after the kept tokens, if the artifact keeps that; else as
 * before the call, and the kept tokens are fed again, all in one verify. */
SENNIT_API sennit_status sennit_context_accept(sennit_context *context,
                                               int64_t count,
                                               sennit_error *out_error);

/* --- Profiles ------------------------------------------------------------ */

/* What is counted. Kernels: each by itself, so that a device waits after it.
 * Calls: all kernels of a call together, as they run without a profile; a
 * device counts calls from the second repetition on, when it has their graph.
 */
typedef enum sennit_profile {
  SENNIT_PROFILE_NOTHING = 0,
  SENNIT_PROFILE_KERNELS = 1,
  SENNIT_PROFILE_CALLS = 2
} sennit_profile;

typedef struct sennit_kernel_profile {
  /* Belongs to the module. */
  const char *name;
  uint64_t calls;
  /* Work items over all calls; 0 where a device runs them. */
  uint64_t items;
  /* Wall time over all calls, on the thread that called the context or, where a
   * device runs the kernels, on that. */
  uint64_t nanoseconds;
} sennit_kernel_profile;

/* Counts what |profile| says, nothing in a new context. A clock is read twice a
 * kernel or call, about 50 ns. */
SENNIT_API void sennit_context_profile_enable(sennit_context *context,
                                              sennit_profile profile);
SENNIT_API void sennit_context_profile_reset(sennit_context *context);
/* Kernel |index| of 0 to `sennit_module_info.kernel_count` - 1, or after those
 * the calls, of name "call". */
SENNIT_API sennit_status sennit_context_profile_get(
    const sennit_context *context, uint64_t index,
    sennit_kernel_profile *out_profile, sennit_error *out_error);

/* --- Sampling ------------------------------------------------------------ */

/* Zero-initialise, set |size|, then what is wanted: all zeros is greedy. */
typedef struct sennit_sampler_options {
  /* sizeof(sennit_sampler_options) */
  uint32_t size;
  /* Logits are divided by it; 0: the largest logit wins, ties by the lowest
   * index. Finite and not negative. */
  float temperature;
  /* Only the |top_k| largest logits remain; 0: all. Ties by the lowest
   * index. */
  int32_t top_k;
  /* Then, of those, only the fewest most probable tokens whose probabilities
   * sum to |top_p| or more (Holtzman et al., 2019); 0 or 1: all. */
  float top_p;
  /* Two samplers with the same options and logits choose the same tokens. */
  uint64_t seed;
} sennit_sampler_options;

/* Creates a sampler for logits of the module's vocabulary with all the memory
 * that it will use; it calls the module's entry `sample`, without which it is
 * refused. |options| may be NULL: greedy. The caller owns |*out_sampler|, which
 * keeps |module| alive. */
SENNIT_API sennit_status sennit_sampler_create(
    sennit_module *module, const sennit_sampler_options *options,
    sennit_sampler **out_sampler, sennit_error *out_error);

/* The number in [0, 1) that draw |number|, from 0, of a sampler uses:
 * SplitMix64 (Steele, Lea and Flood, 2014), whose state only counts. */
SENNIT_API double sennit_draw_uniform(uint64_t seed, uint64_t number);

/* |sampler| may be NULL. */
SENNIT_API void sennit_sampler_destroy(sennit_sampler *sampler);

/* Chooses a token from |logits|, f32[vocabulary], which is not changed. A
 * logit of -infinity is never chosen. Draw n of a sampler depends on its seed,
 * n and the logits alone; a refusal draws nothing. */
SENNIT_API sennit_status sennit_sampler_sample(sennit_sampler *sampler,
                                               const float *logits,
                                               int32_t *out_token,
                                               sennit_error *out_error);

#ifdef __cplusplus
}
#endif

#endif /* SENNIT_RUNTIME_H */
