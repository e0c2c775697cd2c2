/*
 * replay.c - runs a fuzz target over stored inputs, for builds without libFuzzer: `fuzz_x FILE|FOLDER...`
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A heap block of exactly its size, so that a sanitizer sees a read past its end. */
static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat info;
    uint8_t *bytes;
    size_t size;

    if (!file || fstat(fileno(file), &info) != 0) {
        perror(path);
        if (file)
            fclose(file);
        return 1;
    }
    size = (size_t)info.st_size;
    bytes = malloc(size ? size : 1);
    if (!bytes || fread(bytes, 1, size, file) != size) {
        fprintf(stderr, "%s: cannot be read\n", path);
        free(bytes);
        fclose(file);
        return 1;
    }
    fclose(file);
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    return 0;
}

static int run_folder(DIR *folder, const char *path)
{
    struct dirent *entry;
    int failed = 0, n = 0;

    while ((entry = readdir(folder))) {
        char name[4096];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
        failed |= run_file(name);
        n++;
    }
    if (n == 0)
        fprintf(stderr, "%s: no inputs\n", path);
    return failed || n == 0;
}

int main(int argc, char **argv)
{
    int failed = argc < 2;

    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);

        failed |= folder ? run_folder(folder, argv[i]) : run_file(argv[i]);
        if (folder)
            closedir(folder);
    }
    return failed;
}
