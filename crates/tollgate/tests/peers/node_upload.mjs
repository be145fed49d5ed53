// Uploads with Node's built-in fetch and prints each status, or what went wrong, as a line of JSON.
// Arguments: URL, token, size of the body, number of uploads.

const [url, token, size, count] = process.argv.slice(2);
const headers = { authorization: `Bearer ${token}` };

for (let i = 0; i < Number(count); i++) {
  try {
    const body = new Uint8Array(Number(size));
    const response = await fetch(url, { method: "PUT", headers, body });
    await response.text();
    console.log(response.status);
  } catch (error) {
    console.log(JSON.stringify(`${error}: ${error.cause}`));
  }
}
