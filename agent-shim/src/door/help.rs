//! Help of the commands that a job has.

/// Of all of them, and what each takes.
pub const HELP: &str = "\
usage, inside a job of Sortie:
  sortie-shim progress JSON|@FILE|-            say how far the job is
  sortie-shim progress --text TEXT             the same, as {\"text\": TEXT}
  sortie-shim checkpoint JSON|@FILE|-          say from where the work could be taken up again
  sortie-shim artifact PATH [--name NAME]      keep a file as it is now; it is uploaded when the job is over
  sortie-shim ask TITLE [options]              ask people, and wait for the answer
      --message TEXT|@FILE                     what is to be decided
      --approvers ROLE,ROLE                    who may answer (everybody who may approve)
      --timeout 1h                             how long an answer is waited for (24h)
      --park-after 10m                         stop waiting after this long; the question stays open
      --key KEY                                under the same key nothing is asked twice
  sortie-shim result JSON|@FILE|-              leave the job's result document; the last one counts
  sortie-shim mcp [--park-after 10m]           all of this as an MCP server on standard input and output

JSON is a document, @FILE reads it from a file, - from standard input. A PATH is below the job's working directory.
Each command prints one line of JSON. Exit codes: 0 done or approved, 1 failed, 2 usage, 3 no such file, 4 not allowed,
5 question withdrawn, 6 rejected, 7 the supervisor cannot be reached, 75 not answered yet, 124 nobody answered in time.
";
