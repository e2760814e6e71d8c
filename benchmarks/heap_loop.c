/* The textbook loop of a queue with one server: a heap of events in the order of S3, a heap of waiting jobs by
   (key, submission, number), and a sum in place of a record. */
#include <stdint.h>
#include <stdlib.h>

enum { FINISH = 1, SUBMIT = 4 };

typedef struct {
    int64_t time, rank, job;
} Event;

typedef struct {
    int64_t key, submitted, job;
} Waiting;

static inline int event_before(Event a, Event b) {
    if (a.time != b.time) return a.time < b.time;
    if (a.rank != b.rank) return a.rank < b.rank;
    return a.job < b.job;
}

static inline int waiting_before(Waiting a, Waiting b) {
    if (a.key != b.key) return a.key < b.key;
    if (a.submitted != b.submitted) return a.submitted < b.submitted;
    return a.job < b.job;
}

#define HEAP_OF(Entry, is_before, push, pop)                                                      \
    static void push(Entry *rows, int64_t *size, Entry entry) {                                   \
        int64_t row = (*size)++;                                                                  \
        while (row > 0 && is_before(entry, rows[(row - 1) / 2])) {                                \
            rows[row] = rows[(row - 1) / 2];                                                      \
            row = (row - 1) / 2;                                                                  \
        }                                                                                         \
        rows[row] = entry;                                                                        \
    }                                                                                             \
    static Entry pop(Entry *rows, int64_t *size) {                                                \
        Entry first = rows[0], last = rows[--*size];                                              \
        int64_t row = 0, child;                                                                   \
        while ((child = 2 * row + 1) < *size) {                                                   \
            if (child + 1 < *size && is_before(rows[child + 1], rows[child])) child++;            \
            if (!is_before(rows[child], last)) break;                                             \
            rows[row] = rows[child];                                                              \
            row = child;                                                                          \
        }                                                                                         \
        rows[row] = last;                                                                         \
        return first;                                                                             \
    }

HEAP_OF(Event, event_before, push_event, pop_event)
HEAP_OF(Waiting, waiting_before, push_waiting, pop_waiting)

/* The sum of all waiting times, where submissions are sorted and keys rank the jobs. */
int64_t waited_us(int64_t jobs, const int64_t *submitted_us, const int64_t *qpu_time_us, const int64_t *keys) {
    Event *events = malloc((jobs + 2) * sizeof(Event));
    Waiting *queue = malloc((jobs + 2) * sizeof(Waiting));
    int64_t n_events = 0, n_waiting = 0, waited = 0;
    int is_busy = 0;
    if (jobs) push_event(events, &n_events, (Event){submitted_us[0], SUBMIT, 0});
    while (n_events) {
        Event event = pop_event(events, &n_events);
        int64_t next = event.job + 1;
        if (event.rank == SUBMIT) {
            push_waiting(queue, &n_waiting, (Waiting){keys[event.job], event.time, event.job});
            if (next < jobs) push_event(events, &n_events, (Event){submitted_us[next], SUBMIT, next});
        } else {
            is_busy = 0;
        }
        if (!is_busy && n_waiting && !(n_events && events[0].time == event.time)) {
            Waiting first = pop_waiting(queue, &n_waiting);
            waited += event.time - first.submitted;
            push_event(events, &n_events, (Event){event.time + qpu_time_us[first.job], FINISH, first.job});
            is_busy = 1;
        }
    }
    free(events);
    free(queue);
    return waited;
}
