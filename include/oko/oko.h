/* oko: a small engine that runs object detectors on camera frames.
 *
 *   oko_model* model = NULL;
 *   oko_detector* detector = NULL;
 *   if (oko_model_open_file("model.oko", NULL, &model) != OKO_OK ||
 *       oko_detector_create(model, NULL, &detector) != OKO_OK) {
 *     fprintf(stderr, "%s\n", oko_last_error());
 *   }
 *   oko_frame frame = {.struct_size = sizeof frame, .format = OKO_NV12, .width = 640};
 *   frame.height = 360;
 *   frame.planes[0] = luma;
 *   frame.planes[1] = chroma;
 *   frame.rotation = OKO_ROTATE_90;
 *   const oko_detection* found = NULL;
 *   size_t count = 0;
 *   if (oko_detect(detector, &frame, NULL, &found, &count) == OKO_OK) {
 *     for (size_t i = 0; i < count; ++i) {
 *       printf("%s %.2f\n", oko_model_class_name(model, found[i].class_id), found[i].score);
 *     }
 *   }
 *   oko_detector_destroy(detector);
 *   oko_model_close(model);
 *
 * Threads. An oko_model never changes after it is opened: any number of threads may use one at a
 * time. An oko_detector belongs to one caller at a time; make one for each thread that detects,
 * they share the model's weights. Different detectors never wait for each other.
 *
 * Ownership. What a function returns through `out` is the caller's to close or destroy. Everything
 * else that is returned (names, detections, maps) belongs to the handle and says how long it stays.
 *
 * Errors. Functions return OKO_OK (0) or one of the codes below; oko_last_error() then describes
 * what was wrong, where, and how to fix it. Nothing is thrown, printed or terminated, and an `out`
 * parameter is left as it was. A null pointer where an object is wanted is OKO_INVALID_ARGUMENT.
 *
 * Versions. Structs begin with struct_size, which the caller sets to sizeof the struct it was
 * compiled with; fields that a caller does not know are taken as zero, and zero always means the
 * default, so a program keeps working with later versions of the library. */
#ifndef OKO_OKO_H
#define OKO_OKO_H

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define OKO_API __declspec(dllexport)
#else
#define OKO_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

typedef enum oko_status {
  OKO_OK = 0,
  OKO_FAILED = 1,           /* the operation failed: out of memory, no thread available */
  OKO_INVALID_ARGUMENT = 2, /* the call is not valid */
  OKO_BAD_MODEL = 3,        /* the file is missing, damaged, or not a detector */
  OKO_STORAGE = 4,          /* reading from or writing to disk failed */
  /* of sealed models only: */
  OKO_BAD_SIGNATURE = 5, /* not signed by the key that the app trusts */
  OKO_NO_KEY = 6,        /* the app's key does not open it */
  OKO_OTHER_MODEL = 7,   /* signed, but another model than the app wants */
  OKO_OLD_RELEASE = 8,   /* older than the app has opened before */
  OKO_EXPIRED = 9,       /* its last day is over */
  OKO_OLD_APP = 10       /* needs a newer version of the app */
} oko_status;

/* What went wrong in this thread's last call that did not return OKO_OK: "place: what
 * (hint)". Valid until this thread's next call; never null. */
OKO_API const char* oko_last_error(void);

/* Of this header; the library's own is oko_version(). Before 1.0 a new minor version may change
 * what programs are linked with, after it only a new major version: liboko's SONAME is
 * liboko.so.0.MINOR, then liboko.so.MAJOR, and find_package(oko) takes the same. */
#define OKO_VERSION_MAJOR 0
#define OKO_VERSION_MINOR 1
#define OKO_VERSION_PATCH 0
/* For comparisons: #if OKO_VERSION_NUMBER >= OKO_MAKE_VERSION(0, 2, 0). */
#define OKO_MAKE_VERSION(major, minor, patch) ((major)*1000000 + (minor)*1000 + (patch))
#define OKO_VERSION_NUMBER OKO_MAKE_VERSION(OKO_VERSION_MAJOR, OKO_VERSION_MINOR, OKO_VERSION_PATCH)

/* Version of the library: "0.1.0". */
OKO_API const char* oko_version(void);

/* ---- Models ---------------------------------------------------------------------------------- */

typedef struct oko_model oko_model;

typedef enum oko_precision {
  OKO_PRECISION_MODEL = 0, /* int8 where the model was quantized (oko quantize), else float32 */
  OKO_FLOAT32 = 1,
  OKO_FLOAT16 = 2, /* weights kept as float16: half the memory; sums stay float32 */
  OKO_INT8 = 3     /* OKO_BAD_MODEL where the model was not quantized */
} oko_precision;

typedef struct oko_model_options {
  size_t struct_size;
  int32_t precision;     /* oko_precision */
  int32_t width, height; /* input size other than the model's own; both or neither */
  const char* target;    /* instruction set: one of oko_targets(), NULL: the best of this machine */
  const char* cache_path; /* file for packed weights: used where it fits this model, library and
                             machine and its checksum is right, else written, whole or not at
                             all. Never an error: where it cannot be read or written, or is a
                             folder, a pipe or a file of another kind (which is left as it is),
                             weights are packed in memory. NULL: none */
} oko_model_options;

/* Called once when the bytes given to oko_model_open_memory() are no longer needed, from the
 * thread that closes the last handle that uses them. */
typedef void (*oko_release)(void* context);

/* Opens an .oko file. It is mapped, not read; options may be NULL. */
OKO_API oko_status oko_model_open_file(const char* path, const oko_model_options* options,
                                       oko_model** out);

/* Opens the bytes of an .oko file. With `release` they are used in place and must stay as they are
 * until it is called; on failure it is not called. With release NULL what is needed is copied. */
OKO_API oko_status oko_model_open_memory(const void* data, size_t size, oko_release release,
                                         void* context, const oko_model_options* options,
                                         oko_model** out);

/* ---- Sealed models (docs/sealed-models.md) --------------------------------------------------- */

/* For one recipient of a sealed model, how the key of its content is wrapped: a stanza of age. */
typedef struct oko_stanza {
  size_t struct_size;
  const char* type;             /* "p256tag", "X25519", … */
  const char* const* arguments; /* of p256tag: tag, and the sender's point, in base64 without '=' */
  size_t argument_count;
  const uint8_t* body; /* the wrapped key */
  size_t body_size;
} oko_stanza;

/* Opens a stanza by a key that does not leave the hardware: writes the 16 bytes of the content's
 * key and returns 1; anything else means that the stanza is another key's. Called for each stanza
 * until one is opened; the stanza is valid during the call. Callbacks must return: not by longjmp()
 * or pthread_exit(). */
typedef int32_t (*oko_unwrap)(void* context, const oko_stanza* stanza, uint8_t* file_key);

/* Does the part of that which only the hardware can, for a P-256 key: key agreement (ECDH). Writes
 * the 32 bytes of the secret that it shares with `sender`, an uncompressed point of 65 bytes: the
 * coordinate x of their product, as Apple's sharedSecretFromKeyAgreement() and Android's
 * KeyAgreement give it. Returns 1; anything else means that the hardware refused. */
#define OKO_P256_POINT_SIZE 65
typedef int32_t (*oko_agree)(void* context, const uint8_t* sender, uint8_t* secret);

/* What to seal for, so that the P-256 key in hardware with the public key `point` (4, x, y) opens
 * it: writes "age1tag1…" and a zero, OKO_P256_RECIPIENT_SIZE bytes in all. */
#define OKO_P256_RECIPIENT_SIZE 68
OKO_API oko_status oko_p256_recipient(const uint8_t* point, char* text, size_t text_size);

/* What keeps an older model from being put in place of a newer one: the app stores, where its user
 * cannot change it, the highest release it has opened of each model. `get` sets `*release` to it, 0
 * if there is none, and returns 1; anything else means that it could not be read, and is
 * OKO_STORAGE. `set` is called with a higher one, after the model has been opened, by one thread at
 * a time; it returns 1 once it is stored. Otherwise the model is closed again, with OKO_STORAGE.
 * `name` is a model's id, or for updates "@root." or "@index." and the id of a key. Neither
 * function may call oko. */
typedef struct oko_releases {
  int32_t (*get)(void* context, const char* name, uint64_t* release);
  int32_t (*set)(void* context, const char* name, uint64_t release);
  void* context;
} oko_releases;

typedef struct oko_seal_options {
  size_t struct_size;
  const char* signer; /* public key that it must be signed with: "RW…"; required */
  /* At least one of the three kinds of keys is required: */
  const char* identity; /* secret key "AGE-SECRET-KEY-1…"; or NULL */
  oko_unwrap unwrap;    /* or NULL */
  void* unwrap_context;
  const char* model;         /* the model's id; NULL: any that is signed */
  const char* app_version;   /* of this app: "2.4.1"; NULL: is not compared */
  int64_t now;               /* seconds since 1970; 0: the system's clock */
  oko_releases releases;     /* all NULL: older releases are opened too */
  const uint8_t* p256_point; /* public key of a P-256 key in hardware: 4, x, y; or NULL */
  oko_agree agree;           /* of that key; required with p256_point */
  void* agree_context;
} oko_seal_options;

/* Opens a sealed model. The signature, the manifest and the encrypted content are checked before
 * anything is decrypted; the weights are in memory that is locked where the system allows it, never
 * in a file, and overwritten when the last handle is closed. A child process that is forked while
 * it is open has zeros for them. `data` is not needed afterwards. cache_path of `options` must be
 * NULL. */
OKO_API oko_status oko_model_open_sealed(const void* data, size_t size,
                                         const oko_seal_options* seal,
                                         const oko_model_options* options, oko_model** out);
/* The same from a file. */
OKO_API oko_status oko_model_open_sealed_file(const char* path, const oko_seal_options* seal,
                                              const oko_model_options* options, oko_model** out);

/* The file inside a sealed model of another format, for the program that reads it: a Core ML model
 * for MLModelAsset(specification:), say. It is checked as above, and in locked memory until it is
 * closed; what that program makes of it is not protected. */
typedef struct oko_content oko_content;
OKO_API oko_status oko_content_open(const void* data, size_t size, const oko_seal_options* seal,
                                    oko_content** out);
OKO_API oko_status oko_content_open_file(const char* path, const oko_seal_options* seal,
                                         oko_content** out);
/* Valid until it is closed. */
OKO_API const void* oko_content_bytes(const oko_content* content, size_t* size);
/* Overwrites it. NULL is allowed. */
OKO_API void oko_content_close(oko_content* content);

/* ---- Updates of sealed models (docs/updates.md) -----------------------------------------------
 */

/* The app fetches models.oko.index from its server, in whatever way it likes, and hands it to
 * oko_update_check(); asks oko_update_find() whether there is a newer model; fetches that file, and
 * hands it to oko_update_install(). Then it opens the installed file with
 * oko_model_open_sealed_file(). */
typedef struct oko_update oko_update;

typedef struct oko_update_options {
  size_t struct_size;
  const char* root;        /* public key that the app trusts: "RW…"; required */
  const char* folder;      /* an existing one of the app's own, for what is fetched; required */
  const char* app_version; /* of this app: "2.4.1"; NULL: is not compared */
  int64_t now;             /* seconds since 1970; 0: the system's clock */
  oko_releases releases;   /* as in oko_seal_options; may be all NULL */
  const char* signer;      /* public key that models must be signed with, as in oko_seal_options.
                              NULL: whoever signs the index could replace a model by one that the
                              app cannot open */
} oko_update_options;

/* Checks an index: its signatures from `root` on, that it is not older than one this app has seen,
 * and that it has not expired. One that is accepted is kept in `folder`, and older ones are refused
 * from then on. OKO_BAD_MODEL (damaged), OKO_BAD_SIGNATURE, OKO_OLD_RELEASE, OKO_EXPIRED,
 * OKO_STORAGE: the app goes on with the model it has. */
OKO_API oko_status oko_update_check(const void* index, size_t size,
                                    const oko_update_options* options, oko_update** out);
/* NULL is allowed. */
OKO_API void oko_update_close(oko_update* update);

typedef struct oko_update_model {
  size_t struct_size;
  uint64_t release;   /* the highest one for this version of the app */
  uint64_t installed; /* release of the file at `path`; 0: there is none, or not a whole one */
  uint64_t size;      /* bytes of `file` */
  const char* file;   /* its name, beside the index: "cards-7.oko.sealed" */
  const char* path;   /* where it will be: FOLDER/cards.oko.sealed */
} oko_update_model;   /* texts are valid until the update is closed */

/* OKO_OTHER_MODEL if the index has no such model, OKO_OLD_APP if all its releases need a newer app.
 */
OKO_API oko_status oko_update_find(const oko_update* update, const char* model,
                                   oko_update_model* info);

/* Copies the file at `fetched`, which is not needed afterwards, to the model's `path`, whole or not
 * at all, if it is exactly the one that the index describes: OKO_BAD_MODEL otherwise. */
OKO_API oko_status oko_update_install(const oko_update* update, const char* model,
                                      const char* fetched);

/* Closes the handle. Detectors created from it keep working. NULL is allowed. */
OKO_API void oko_model_close(oko_model* model);

typedef struct oko_model_info {
  size_t struct_size;
  const char* name;      /* valid until the model is closed, as are all texts here */
  const char* target;    /* instruction set it runs on: "avx2", "neon", … */
  int32_t precision;     /* oko_precision, never OKO_PRECISION_MODEL */
  int32_t width, height; /* of the input: 3 planes, values 0 to 1 */
  int32_t class_count, head_count;
  uint64_t weight_bytes;     /* packed weights, shared by all detectors */
  uint64_t activation_bytes; /* buffers of a single-threaded detector */
  double flop;               /* per image, a multiply and an add as 2 */
  int32_t cache_hit;         /* 1: packed weights came from cache_path */
} oko_model_info;

/* Fills `info`, whose struct_size the caller has set. */
OKO_API oko_status oko_model_describe(const oko_model* model, oko_model_info* info);

/* Name of a class, valid until the model is closed. A model without names gives "class 7". NULL
 * where there is no such class. */
OKO_API const char* oko_model_class_name(const oko_model* model, int32_t class_id);

typedef struct oko_head_info {
  size_t struct_size;
  int32_t channels, height, width; /* of its output */
  int32_t anchor_count;            /* 0: its boxes have none, such as those of NanoDet-Plus */
  float anchors[2 * 16]; /* width, height in pixels of the input, in the map's order; the first
                            16 of them where there are more */
} oko_head_info;

OKO_API oko_status oko_model_head(const oko_model* model, int32_t head, oko_head_info* info);

/* Names of the instruction sets this library has code for and this machine can run, best first,
 * ending with "scalar", then NULL. Static. */
OKO_API const char* const* oko_targets(void);

/* ---- Frames ---------------------------------------------------------------------------------- */

typedef enum oko_format {
  OKO_RGB = 0,
  OKO_BGR = 1,
  OKO_RGBA = 2,
  OKO_BGRA = 3,
  OKO_GREY = 4,
  OKO_NV12 = 5, /* planes: Y, interleaved UV */
  OKO_NV21 = 6, /* planes: Y, interleaved VU */
  OKO_I420 = 7  /* planes: Y, U, V; Android's YUV_420_888 of any layout, with chroma_step */
} oko_format;

typedef enum oko_range { OKO_VIDEO_RANGE = 0 /* 16 to 235 */, OKO_FULL_RANGE = 1 } oko_range;
typedef enum oko_matrix { OKO_BT601 = 0, OKO_BT709 = 1, OKO_BT2020 = 2 } oko_matrix;

/* Clockwise rotation that makes the image upright. */
typedef enum oko_rotation {
  OKO_ROTATE_0 = 0,
  OKO_ROTATE_90 = 90,
  OKO_ROTATE_180 = 180,
  OKO_ROTATE_270 = 270
} oko_rotation;

/* An image owned by the caller; only read during the call. */
typedef struct oko_frame {
  size_t struct_size;
  int32_t format;        /* oko_format */
  int32_t width, height; /* pixels as stored, before rotation */
  const uint8_t* planes[3];
  size_t strides[3];   /* bytes from one row to the next; 0: contiguous rows */
  int32_t chroma_step; /* OKO_I420: bytes from one U (or V) to the next; 0: 1 */
  int32_t range;       /* oko_range, of the YUV formats */
  int32_t matrix;      /* oko_matrix, of the YUV formats */
  int32_t rotation;    /* oko_rotation */
  int32_t mirror;      /* 1: mirrored left to right, after the rotation (front cameras) */
  int32_t region[4];   /* left, top, width, height of the part to use, in stored pixels;
                          all 0: all of it */
} oko_frame;

/* Sets rotation and mirror from an EXIF orientation, 1 to 8, which Apple's
 * CGImagePropertyOrientation numbers alike. Anything else is taken for 1, upright, as readers of
 * EXIF do. */
static inline void oko_frame_orient(oko_frame* frame, int32_t exif) {
  static const int16_t rotations[9] = {0, 0, 0, 180, 180, 90, 90, 270, 270};
  if (exif < 1 || exif > 8) exif = 1;
  frame->rotation = rotations[exif];
  frame->mirror = exif == 2 || exif == 4 || exif == 5 || exif == 7;
}

/* ---- Detectors ------------------------------------------------------------------------------- */

typedef struct oko_detector oko_detector;

typedef struct oko_detector_options {
  size_t struct_size;
  int32_t threads; /* that work on a frame, the caller's included; 0: 1. The others are the
                      detector's own and sleep between frames */
  int32_t padding; /* not looked at: programs built with 0.1 may have left anything here */
  int32_t tiles; /* 2 to 16: oko_detect() also looks at tiles x tiles overlapping parts of a frame,
                    for objects that are small in it, and takes about tiles^2 + 1 times as long;
                    0 and 1: only at the frame */
} oko_detector_options;

/* `options` may be NULL. */
OKO_API oko_status oko_detector_create(const oko_model* model, const oko_detector_options* options,
                                       oko_detector** out);
/* NULL is allowed. */
OKO_API void oko_detector_destroy(oko_detector* detector);

typedef enum oko_nms {
  OKO_NMS_PER_CLASS = 0,
  OKO_NMS_AGNOSTIC = 1, /* boxes of different classes suppress each other too */
  OKO_NMS_SOFT = 2      /* per class; overlapping boxes lose score, exp(-iou^2 / soft_sigma) */
} oko_nms;

typedef struct oko_thresholds {
  size_t struct_size;
  float score;               /* minimum score; 0: 0.25. Negative: everything */
  float iou;                 /* overlap above which boxes are suppressed; 0: 0.45 */
  int32_t nms;               /* oko_nms */
  float soft_sigma;          /* 0: 0.5 */
  int32_t max_detections;    /* per frame, the best ones; 0: 300 */
  const float* class_scores; /* minimum score per class, instead of `score`; NULL: none */
  size_t class_score_count;  /* number of them: the model's class_count */
} oko_thresholds;

typedef struct oko_detection {
  int32_t class_id;
  float score;                    /* objectness times class probability */
  float left, top, right, bottom; /* edges in the frame's own stored pixels, clipped to it */
} oko_detection;

/* Detects objects in a frame. `thresholds` may be NULL. Detections are sorted best first and valid
 * until the detector's next call. `detection_size` is sizeof(oko_detection): later versions may add
 * fields at its end, and the array is laid out as the caller's program knows it. */
OKO_API oko_status oko_detect_sized(oko_detector* detector, const oko_frame* frame,
                                    const oko_thresholds* thresholds,
                                    const oko_detection** detections, size_t* count,
                                    size_t detection_size);

/* What programs in C and C++ call: the same with the size they are compiled with. */
static inline oko_status oko_detect(oko_detector* detector, const oko_frame* frame,
                                    const oko_thresholds* thresholds,
                                    const oko_detection** detections, size_t* count) {
  return oko_detect_sized(detector, frame, thresholds, detections, count, sizeof(oko_detection));
}

/* Runs the network on a prepared input of `count` floats: 3 x height x width, planar. */
OKO_API oko_status oko_run(oko_detector* detector, const float* input, size_t count);

/* The raw map of a head as the last oko_run() or oko_detect() left it (with tiles: of the whole
 * frame): channels x height x width
 * floats, planar, before any sigmoid. Valid until the detector's next call. OKO_INVALID_ARGUMENT
 * before the first. */
OKO_API oko_status oko_head_map(oko_detector* detector, int32_t head, const float** values,
                                size_t* count);

typedef struct oko_timing {
  size_t struct_size;
  double prepare_ms, network_ms, decode_ms;
} oko_timing;

/* Where the time of the last oko_detect() went. */
OKO_API oko_status oko_detector_timing(const oko_detector* detector, oko_timing* timing);

#ifdef __cplusplus
}
#endif
#endif /* OKO_OKO_H */
