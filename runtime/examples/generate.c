/* Continues a prompt by 64 greedy bytes: generate MODEL.snt PROMPT
 * Part of Sennit, under the Apache License v2.0 with LLVM Exceptions. See
 * LICENSE.
 */
#include <sennit/runtime.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(sennit_status status, const sennit_error *error) {
  if (status == SENNIT_STATUS_OK)
    return;
  fprintf(stderr, "generate: %s\n", error->message);
  exit(1);
}

int main(int argc, char **argv) {
  sennit_module *module;
  sennit_context *context;
  sennit_sampler *sampler;
  sennit_module_info info = {.size = sizeof(info)};
  sennit_error error;

  if (argc != 3 || argv[2][0] == 0)
    return fprintf(stderr, "usage: generate MODEL.snt PROMPT\n"), 2;
  check(sennit_module_load(argv[1], NULL, &module, &error), &error);
  check(sennit_module_get_info(module, &info, &error), &error);
  if (!info.byte_level)
    return fprintf(stderr, "generate: the model's tokens are no bytes\n"), 1;
  check(sennit_context_create(module, &context, &error), &error);
  check(sennit_sampler_create(module, NULL, &sampler, &error), &error);

  size_t count = strlen(argv[2]);
  int32_t *tokens = malloc(count * sizeof(*tokens));
  float *logits = malloc((size_t)info.vocabulary * sizeof(*logits));
  if (!tokens || !logits)
    return fprintf(stderr, "generate: no memory\n"), 1;
  for (size_t i = 0; i < count; ++i)
    tokens[i] = (unsigned char)argv[2][i];
  check(sennit_context_prefill(context, tokens, (int64_t)count, logits, &error),
        &error);
  for (int i = 0; i < 64; ++i) {
    int32_t token;
    check(sennit_sampler_sample(sampler, logits, &token, &error), &error);
    putchar(token);
    fflush(stdout);
    check(sennit_context_decode(context, token, logits, &error), &error);
  }
  putchar('\n');

  free(logits);
  free(tokens);
  sennit_sampler_destroy(sampler);
  sennit_context_destroy(context);
  sennit_module_destroy(module);
  return 0;
}
