// Gives programs run by node the environment that they were started with (OKO_DATA).
Module["preRun"] = () => {
  if (typeof ENV !== "undefined" && typeof process !== "undefined") Object.assign(ENV, process.env);
};
