// What `--help` prints.

let help = """
    OVERVIEW: Unpacks, removes, syncs and lists the layers of images. staunchd starts it.

    USAGE: staunch-layer <verb> [--lock <n>] [--progress <n>] …

      unpack [options] <ingest>       unpacks one blob into <ingest>/fs, and writes
                                      <ingest>/layer.json; what an earlier run left there goes
        --blob <digest>               sha256:<hex> of the blob; it is checked before anything
                                      else reads the blob
        --diff-id <digest>            sha256:<hex> of the tar in it
        --file <name>                 the blob is this file in <ingest>; otherwise it is in
                                      standard input, which must be a regular file
        --offset <n>, --length <n>    the part of the file that is the blob, in bytes
        --media-type <type>           for layer.json
        --max-bytes <n>               the most bytes of the tar (default: 64 GiB)
        --max-entries <n>             the most entries of the tar (default: 4000000)
      remove <directory> <name>       removes <directory>/<name> with everything below it
      sync <images>                   syncs the file system, then marks each layer that was
                                      there before
      list <images>                   lists the content of an images' directory, as JSON lines
                                      that end with one of the kind "end"
      fix <output> <layer> …          makes <output>/fs: the directories of an image, its top
                                      layer first, that layers without an entry for them hide;
                                      none if nothing is hidden
      index                           lists the members of the tar in standard input, which
                                      must be a regular file and not compressed

      --lock <n>                      a descriptor whose flock(2) is held to the end
      --progress <n>                  a descriptor of a file that gets a record of 128 bytes,
                                      at most 5 times a second

    Digests have lower-case digits. Bytes of a name that are not printable ASCII, and the
    backslash, are written as \\xNN. The result is one line of JSON in standard output, written
    in one call. Its "state" is "done", or "refused" with a code, the layer's entry, a detail and
    an errno. If it does not end with a newline, the program was killed: run it again.

    The program makes a session of its own and ignores SIGHUP and SIGPIPE. unpack and index
    give up their privileges before they read what they parse.

    EXIT CODES
      0  done
      1  refused: the result says why
      2  the command line is wrong, and nothing was done
      3  the program could not begin, or could not write its result
      4  another process has the lock, and nothing was done

    """
