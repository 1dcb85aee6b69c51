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
  OKO_PRECISION_MODEL = 0, /* int8 where the model was quantized (oko quantize), else float32; also
                              float32 on x86 with SSE4 only, which has no fast int8 */
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
  int32_t describe_only;  /* 1: opened only for oko_model_describe(), oko_model_head(), class names
                             and thresholds: takes milliseconds and no memory for weights, needs no
                             cache, and makes no detectors */
  int32_t padding;        /* not looked at */
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
  /* What the file says of itself (docs/oko-file.md); NULL and 0 where it does not. Two files with
     one checksum are the same; with one hash they find the same boxes with the same scores, and
     differ at most in their texts, metrics and thresholds. */
  const char* version;        /* given by its author: "1.4.0" */
  const char* hash;           /* SHA-256 of network, weights and preprocessing: 64 digits */
  const char* checksum;       /* of all content: 16 digits */
  int64_t trained;            /* when, in seconds since 1970 */
  double map50, map;          /* 0 to 1: mAP at IoU .50, and over .50 to .95, on the images below */
  const char* measured_on;    /* name of the dataset: "photos" */
  const char* measured_split; /* "val" */
  int64_t measured_images;
  int32_t measured_itself; /* 1: these weights were measured; 0: those they were made from, by
                              quantizing, say */
  int32_t own_thresholds;  /* 1: the file has the thresholds of its classes */
} oko_model_info;

/* Fills `info`, whose struct_size the caller has set. */
OKO_API oko_status oko_model_describe(const oko_model* model, oko_model_info* info);

/* Name of a class, valid until the model is closed. A model without names gives "class 7". NULL
 * where there is no such class. */
OKO_API const char* oko_model_class_name(const oko_model* model, int32_t class_id);

/* The score that detections of a class must exceed unless oko_thresholds says otherwise: the file's
 * own, chosen on its validation images, else 0.25. Negative where there is no such class. */
OKO_API float oko_model_class_threshold(const oko_model* model, int32_t class_id);

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

/* What the system prefers, where it does: a class of service on Apple's systems, a nice value on
 * Android and Linux. The thread that calls is the app's own, and keeps what the app gave it. */
typedef enum oko_priority {
  OKO_PRIORITY_INHERIT = 0,     /* as the system gives it to a new thread */
  OKO_PRIORITY_INTERACTIVE = 1, /* somebody watches */
  OKO_PRIORITY_UTILITY = 2,
  OKO_PRIORITY_BACKGROUND = 3
} oko_priority;

typedef struct oko_detector_options {
  size_t struct_size;
  int32_t threads; /* that work on a frame, the caller's included; 0: 1. The others are the
                      detector's own and sleep between frames */
  int32_t padding; /* not looked at: programs built with 0.1 may have left anything here */
  int32_t tiles; /* 2 to 16: oko_detect() also looks at tiles x tiles overlapping parts of a frame,
                    for objects that are small in it, and takes about tiles^2 + 1 times as long;
                    0 and 1: only at the frame */
  int32_t priority; /* oko_priority of its own threads */
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
  float score;               /* minimum score of all classes; negative: everything; 0: that of
                                oko_model_class_threshold() for each */
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

/* ---- Tracking (docs/tracking.md) ------------------------------------------------------------- */

/* Gives detections of successive frames ids that stay with an object, also while it is hidden for a
 * moment, and counts objects that cross lines or are in zones. One caller at a time. Following
 * objects allocates nothing after the first frames. */
typedef struct oko_tracker oko_tracker;

typedef struct oko_tracker_options {
  size_t struct_size;
  int32_t max_objects; /* followed at a time, 1 to 4096; 0: 256 */
  float low_score;     /* detections above it continue objects that were just seen, those above
                          their threshold start new ones too; 0: 0.1. Negative: any */
  double lost_seconds; /* an object that was not seen for longer is gone; 0: 1.5 */
  int32_t confirm;     /* detections in a row before an object is shown; 0: 2, 1: at once */
  float smoothing;     /* of boxes: how much longer than usual the past counts; 0: 1, at most 10 */
} oko_tracker_options;

/* `options` may be NULL. */
OKO_API oko_status oko_tracker_create(const oko_tracker_options* options, oko_tracker** out);
/* NULL is allowed. */
OKO_API void oko_tracker_destroy(oko_tracker* tracker);
/* For another camera or clip: all objects are forgotten and all counts are 0. Lines and zones stay,
 * and no id is given twice. NULL is allowed. */
OKO_API void oko_tracker_reset(oko_tracker* tracker);

typedef enum oko_object_state {
  OKO_SEEN = 0,
  OKO_HIDDEN = 1 /* not found in this frame; its box is where it should be by now */
} oko_object_state;

typedef struct oko_object {
  uint64_t id; /* from 1; no other object of this tracker ever has it */
  int32_t class_id;
  int32_t state;                  /* oko_object_state */
  float score;                    /* of its last detection */
  float left, top, right, bottom; /* as of detections, but smoothed and not clipped to the frame */
  float velocity_x, velocity_y;   /* of its centre, pixels a second */
  double age;                     /* seconds since it was first seen */
  double hidden;                  /* seconds since it was last seen */
} oko_object;

/* Detects in a frame, follows the objects, and returns all that are known by now, by their ids;
 * valid until the tracker's next call. `thresholds` may be NULL; their scores are those of new
 * objects. `seconds`: when the frame was taken, on any clock that does not go back. `object_size`
 * is sizeof(oko_object). */
OKO_API oko_status oko_tracker_detect_sized(oko_tracker* tracker, oko_detector* detector,
                                            const oko_frame* frame,
                                            const oko_thresholds* thresholds, double seconds,
                                            const oko_object** objects, size_t* count,
                                            size_t object_size);
static inline oko_status oko_tracker_detect(oko_tracker* tracker, oko_detector* detector,
                                            const oko_frame* frame,
                                            const oko_thresholds* thresholds, double seconds,
                                            const oko_object** objects, size_t* count) {
  return oko_tracker_detect_sized(tracker, detector, frame, thresholds, seconds, objects, count,
                                  sizeof(oko_object));
}

/* The same for detections that come from elsewhere, best with low scores too. Of `thresholds` only
 * the scores are used; the defaults are those of any model. */
OKO_API oko_status oko_tracker_update_sized(oko_tracker* tracker, const oko_detection* detections,
                                            size_t detection_count, size_t detection_size,
                                            const oko_thresholds* thresholds, double seconds,
                                            const oko_object** objects, size_t* count,
                                            size_t object_size);
static inline oko_status oko_tracker_update(oko_tracker* tracker, const oko_detection* detections,
                                            size_t detection_count,
                                            const oko_thresholds* thresholds, double seconds,
                                            const oko_object** objects, size_t* count) {
  return oko_tracker_update_sized(tracker, detections, detection_count, sizeof(oko_detection),
                                  thresholds, seconds, objects, count, sizeof(oko_object));
}

typedef enum oko_event_kind {
  OKO_APPEARED = 0, /* a new object is shown */
  OKO_LOST = 1,     /* it is hidden now */
  OKO_FOUND = 2,    /* and was found again */
  OKO_GONE = 3,     /* it was hidden for too long */
  OKO_IN = 4,       /* it crossed a line forwards, or is in a zone now */
  OKO_OUT = 5       /* it crossed a line backwards, or is not in a zone any more */
} oko_event_kind;

typedef struct oko_event {
  int32_t kind; /* oko_event_kind */
  int32_t class_id;
  uint64_t object; /* its id */
  int32_t counter; /* of OKO_IN and OKO_OUT; else -1 */
  int32_t unused;
} oko_event;

/* What happened in the tracker's last frame; valid until its next call. */
OKO_API oko_status oko_tracker_events_sized(oko_tracker* tracker, const oko_event** events,
                                            size_t* count, size_t event_size);
static inline oko_status oko_tracker_events(oko_tracker* tracker, const oko_event** events,
                                            size_t* count) {
  return oko_tracker_events_sized(tracker, events, count, sizeof(oko_event));
}

/* Counts objects whose centre crosses the line from (x1, y1) to (x2, y2), in pixels as boxes have
 * them: from its left to its right, as one goes along it, is in. `class_id` -1: of all classes. Up
 * to 16 lines and zones; `counter` gets its number. */
OKO_API oko_status oko_tracker_add_line(oko_tracker* tracker, float x1, float y1, float x2,
                                        float y2, int32_t class_id, int32_t* counter);
/* Counts objects whose centre is inside a polygon: `corners` times x, y. */
OKO_API oko_status oko_tracker_add_zone(oko_tracker* tracker, const float* points, size_t corners,
                                        int32_t class_id, int32_t* counter);

typedef struct oko_counts {
  size_t struct_size;
  int64_t in, out; /* of a zone, what appears and disappears inside counts too */
  int32_t inside;  /* of a zone, now */
} oko_counts;

OKO_API oko_status oko_tracker_counts(const oko_tracker* tracker, int32_t counter,
                                      oko_counts* counts);

/* ---- Live cameras (docs/live.md) ------------------------------------------------------------- */

/* Detection beside a camera that gives more frames than can be looked at. The camera's thread calls
 * oko_live_submit(), which copies what the network needs of a frame and returns at once; a thread
 * of the app's own calls oko_live_next(), which detects in the newest frame, in a loop:
 *
 *   while (oko_live_next(live, -1, &result) == OKO_OK && !result.stopped) show(&result);
 *
 * It keeps to a budget: frames that are too many are skipped, and where one takes too long, or the
 * phone is hot, a smaller input is used. */
typedef struct oko_live oko_live;

typedef enum oko_heat { /* as ProcessInfo.ThermalState; docs/live.md has Android's */
                        OKO_HEAT_NOMINAL = 0,
                        OKO_HEAT_FAIR = 1,    /* at least as much rest as work */
                        OKO_HEAT_SERIOUS = 2, /* three times as much, and not the largest input */
                        OKO_HEAT_CRITICAL =
                            3 /* at most a frame a second, with the smallest input */
} oko_heat;

typedef enum oko_log_level { OKO_LOG_INFO = 0, OKO_LOG_WARNING = 1 } oko_log_level;

typedef struct oko_live_options {
  size_t struct_size;
  int32_t threads;                    /* that work on a frame, oko_live_next()'s included; 0: 1 */
  int32_t priority;                   /* oko_priority of its own threads */
  double budget_ms;                   /* that a frame may take; 0: any time */
  double frames_per_second;           /* that are looked at, at most; 0: as many as can be */
  const oko_thresholds* thresholds;   /* NULL: the defaults; copied */
  const oko_tracker_options* tracker; /* NULL: the defaults; copied */
  int32_t no_tracking;                /* 1: detections only */
  /* Is told, in plain words and in the thread that calls, what is done and why; or NULL. */
  void (*log)(void* context, int32_t level, const char* text);
  void* log_context;
} oko_live_options;

/* `models`: the same one opened at one or more input sizes, the largest first. They may be closed
 * afterwards. */
OKO_API oko_status oko_live_create(const oko_model* const* models, size_t model_count,
                                   const oko_live_options* options, oko_live** out);
/* No thread may be in another call. NULL is allowed. */
OKO_API void oko_live_destroy(oko_live* live);

typedef enum oko_taken {
  OKO_TAKEN = 0,
  OKO_TAKEN_NEWER = 1,  /* instead of one that was still waiting */
  OKO_SKIPPED_RATE = 2, /* there would be more than frames_per_second */
  OKO_SKIPPED_HEAT = 3, /* the phone is hot */
  OKO_SKIPPED_STOP = 4  /* after oko_live_stop() */
} oko_taken;

/* `frame` is only read during the call: for a tenth of a millisecond to one. `seconds`: when it was
 * taken, on a clock that does not go back. `taken` may be NULL. One thread at a time. */
OKO_API oko_status oko_live_submit(oko_live* live, const oko_frame* frame, double seconds,
                                   int32_t* taken);

typedef struct oko_live_result {
  size_t struct_size;
  int32_t stopped;                   /* 1: oko_live_stop() was called */
  int32_t found;                     /* 1: a frame was looked at; 0: none came in time */
  double seconds;                    /* when the frame was taken */
  int32_t frame_width, frame_height; /* of the frame, as stored */
  int32_t width, height;             /* of the network's input */
  int32_t model;                     /* number of the model in `models` that was used */
  int32_t swaps;                     /* of models so far: which model's classes these are */
  double wait_ms;                    /* from submit to the start of detection */
  double prepare_ms, network_ms, decode_ms;
  size_t detection_count, object_count, event_count; /* oko_live_detections() and so on */
} oko_live_result;

/* Waits up to `wait_ms` for a frame (0: not at all, negative: as long as it takes), and detects in
 * it. One thread at a time. */
OKO_API oko_status oko_live_next(oko_live* live, double wait_ms, oko_live_result* result);

/* What the last oko_live_next() found; valid until the next one. */
OKO_API oko_status oko_live_detections_sized(oko_live* live, const oko_detection** detections,
                                             size_t* count, size_t detection_size);
OKO_API oko_status oko_live_objects_sized(oko_live* live, const oko_object** objects, size_t* count,
                                          size_t object_size);
OKO_API oko_status oko_live_events_sized(oko_live* live, const oko_event** events, size_t* count,
                                         size_t event_size);
static inline oko_status oko_live_detections(oko_live* live, const oko_detection** detections,
                                             size_t* count) {
  return oko_live_detections_sized(live, detections, count, sizeof(oko_detection));
}
static inline oko_status oko_live_objects(oko_live* live, const oko_object** objects,
                                          size_t* count) {
  return oko_live_objects_sized(live, objects, count, sizeof(oko_object));
}
static inline oko_status oko_live_events(oko_live* live, const oko_event** events, size_t* count) {
  return oko_live_events_sized(live, events, count, sizeof(oko_event));
}

/* The tracker of its objects, for lines, zones and counts: to be used by the thread that calls
 * oko_live_next(), and only until `live` is destroyed. NULL with no_tracking. */
OKO_API oko_tracker* oko_live_tracker(oko_live* live);

/* Any thread may call these. */

/* oko_live_next() returns, and no frame is taken any more. */
OKO_API void oko_live_stop(oko_live* live);
/* How hot the phone is, an oko_heat, whenever the system says so. */
OKO_API oko_status oko_live_set_heat(oko_live* live, int32_t heat);
/* Other thresholds, from the next frame on that is looked at: each is looked at with those before
 * or with these, as a whole. Only a frame that was waiting when models were swapped keeps the
 * models and the thresholds of its time. NULL: the defaults; copied. Objects keep their ids. The
 * thresholds remain when models are swapped later. If they are invalid or do not fit the models in
 * use, those before stay. */
OKO_API oko_status oko_live_set_thresholds(oko_live* live, const oko_thresholds* thresholds);
/* For the system's warning that memory is short: frees the buffers of inputs that are not in use,
 * and the models before the last swap. */
OKO_API oko_status oko_live_trim(oko_live* live);

/* Puts other models in place of those in use, between two frames. Each is tried on an empty image
 * first: if anything fails, those in use stay. Where class_scores were set, for another number of
 * classes, it is OKO_INVALID_ARGUMENT: set thresholds without them first. Where names of classes
 * differ, all objects are forgotten, without events. Counts stay. */
OKO_API oko_status oko_live_swap(oko_live* live, const oko_model* const* models,
                                 size_t model_count);
/* Back to the models before the last swap; OKO_FAILED if there are none any more, and
 * OKO_INVALID_ARGUMENT as above. The thresholds are those that were set last. */
OKO_API oko_status oko_live_revert(oko_live* live);

typedef struct oko_live_status {
  size_t struct_size;
  int64_t taken, replaced, skipped_rate, skipped_heat; /* frames; `replaced` were taken, but not
                                                          looked at */
  int64_t looked_at;
  int32_t model;            /* number of the one for the next frame */
  int32_t heat;             /* oko_heat */
  double frame_ms;          /* smoothed: prepare, network, decode */
  double frames_per_second; /* looked at, over the last seconds */
  int32_t over_budget;      /* 1: even the smallest input takes longer than the budget */
} oko_live_status;

OKO_API oko_status oko_live_get_status(oko_live* live, oko_live_status* status);

#ifdef __cplusplus
}
#endif
#endif /* OKO_OKO_H */
