/* quantc audio: from a sound file to the inputs of a model that hears. C11 and C++17. Nothing is allocated; functions may run in any thread. */
#ifndef QUANTC_AUDIO_H
#define QUANTC_AUDIO_H

#include "quantc/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The samples of a RIFF WAVE file, where they lie in it. */
typedef struct qc_wav {
  const uint8_t* data; /* little-endian, one channel */
  uint64_t samples;
  uint32_t sample_rate; /* per second */
  int is_float;         /* float32, otherwise 16-bit PCM */
} qc_wav;

/* Finds the samples of a file of `bytes` bytes, which must stay. QC_ERROR_FORMAT for what is no such file, is cut short, or holds anything but one
 * channel of 16-bit PCM or float32. */
qc_status qc_wav_open(const void* file, size_t bytes, qc_wav* out_wav, qc_error* error);
/* Samples `first` to `first + count` - 1 as float32 in [-1, 1]; those behind the end are 0. */
void qc_wav_read(const qc_wav* wav, uint64_t first, uint64_t count, float* out_samples);

/* How a model takes sound. Points into the artifact's header. */
typedef struct qc_audio {
  const void* header;
  const char* input;    /* for qc_session_set_input, of float32 */
  uint32_t sample_rate; /* per second */
  uint64_t max_samples; /* that are heard at once */
} qc_audio;

/* `header` is what qc_model_header gave, whose model must stay open. QC_ERROR_ARGUMENT where the model does not hear, QC_ERROR_FORMAT where its tables do
 * not fit together. */
qc_status qc_audio_open(const void* header, size_t header_bytes, qc_audio* out_audio, qc_error* error);
/* Positions to encode (qc_session_encode), or of a step (qc_session_step) where the model has no encoder besides its steps, for so many samples; 0 where there are none, or more than max_samples. */
uint32_t qc_audio_positions(const qc_audio* audio, uint64_t samples);
/* Floats of the input for so many positions. */
uint64_t qc_audio_elements(const qc_audio* audio, uint32_t positions);
/* Fills the input from a sound, with silence behind its end. */
void qc_audio_input(const qc_audio* audio, const qc_wav* wav, uint32_t positions, float* out_input);

#ifdef __cplusplus
}
#endif
#endif
