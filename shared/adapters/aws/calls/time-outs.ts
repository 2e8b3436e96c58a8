/** When a client of AWS gives a request up, to repeat it. */
export interface TimeOuts {
  connectionTimeout: number;
  /** Until the answer begins. */
  requestTimeout: number;
  /** While nothing comes, also in the middle of an answer. */
  socketTimeout: number;
  throwOnRequestTimeout: true;
}

/** A request that has no answer in this time is given up and repeated, long before a function's own time is over. */
export const REQUEST_TIME_OUTS = timeOuts(10_000);

/** S3 takes as long as this for the largest part that is written or copied at once. */
export const OBJECT_TIME_OUTS = timeOuts(30_000);

/** Time-outs with the same time for the beginning of an answer as for a pause in it. Milliseconds. */
export function timeOuts(ms: number): TimeOuts {
  return {
    connectionTimeout: 2_000,
    requestTimeout: ms,
    socketTimeout: ms,
    throwOnRequestTimeout: true,
  };
}
