// Sends requests with Node's built-in fetch and prints each answer as a line of JSON.
// Arguments: URL, token, number of requests; then one more request goes without the token.

const [url, token, count] = process.argv.slice(2);

async function ask(headers) {
  const response = await fetch(url, { headers });
  console.log(
    JSON.stringify({
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: await response.text(),
    }),
  );
}

for (let i = 0; i < Number(count); i++) {
  await ask({ authorization: `Bearer ${token}` });
}
await ask({});
